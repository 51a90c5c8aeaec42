package limg.runtime;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.HttpURLConnection;
import java.net.Proxy;
import java.net.URL;

/** The Runtime API (Lambda developer guide, runtimes-api), as a client of it. */
final class RuntimeApi {
    private final String root;

    RuntimeApi(String host) {
        root = "http://" + host + "/2018-06-01/runtime/";
        // A repeated answer would be one for an event that is over.
        System.setProperty("sun.net.http.retryPost", "false");
    }

    /** One event. */
    static final class Invocation {
        final byte[] event;
        private final HttpURLConnection answer;

        private Invocation(HttpURLConnection answer) throws IOException {
            this.answer = answer;
            try (InputStream body = answer.getInputStream()) {
                event = body.readAllBytes();
            }
        }

        /** The header {@code Lambda-Runtime-NAME}, or null. */
        String header(String name) {
            return answer.getHeaderField("Lambda-Runtime-" + name);
        }

        String id() {
            return header("Aws-Request-Id");
        }
    }

    /** Waits for the next event, however long. */
    Invocation next() throws IOException {
        HttpURLConnection connection = open("invocation/next");
        if (connection.getResponseCode() != 200) {
            throw new IOException("the Runtime API answers " + connection.getResponseCode() + " to invocation/next");
        }
        return new Invocation(connection);
    }

    void respond(Invocation invocation, byte[] result) throws IOException {
        post("invocation/" + invocation.id() + "/response", null, result);
    }

    void fail(Invocation invocation, Throwable error) throws IOException {
        post("invocation/" + invocation.id() + "/error", "Runtime.UserException", Errors.json(error));
    }

    /** The function cannot be started at all. */
    void failToStart(Throwable error) throws IOException {
        post("init/error", "Runtime.BadFunctionCode", Errors.json(error));
    }

    private void post(String path, String errorType, byte[] body) throws IOException {
        HttpURLConnection connection = open(path);
        connection.setRequestMethod("POST");
        connection.setRequestProperty("Content-Type", "application/json");
        if (errorType != null) {
            connection.setRequestProperty("Lambda-Runtime-Function-Error-Type", errorType);
        }
        connection.setDoOutput(true);
        connection.setFixedLengthStreamingMode(body.length);
        try (OutputStream sent = connection.getOutputStream()) {
            sent.write(body);
        }
        int status = connection.getResponseCode();
        // 413: the result is too large. The service has reported that to the caller.
        if (status != 202 && status != 413) {
            throw new IOException("the Runtime API answers " + status + " to " + path);
        }
        // Read to its end, so that the connection serves again.
        try (InputStream answer = status == 202 ? connection.getInputStream() : connection.getErrorStream()) {
            if (answer != null) {
                answer.readAllBytes();
            }
        }
    }

    private HttpURLConnection open(String path) throws IOException {
        return (HttpURLConnection) new URL(root + path).openConnection(Proxy.NO_PROXY);
    }
}
