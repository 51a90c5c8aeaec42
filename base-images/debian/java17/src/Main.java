package limg.runtime;

import java.io.File;
import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** Starts the function's handler and gives it one event after the other. */
public final class Main {
    private Main() {}

    public static void main(String[] arguments) {
        try {
            run();
        } catch (Throwable error) {
            // Threads of the function must not keep the process up: nothing would take its events any more.
            error.printStackTrace();
            Runtime.getRuntime().halt(1);
        }
    }

    private static void run() throws IOException {
        RuntimeApi api = new RuntimeApi(System.getenv("AWS_LAMBDA_RUNTIME_API"));
        Handler handler = null;
        try {
            ClassLoader loader = functionLoader();
            Thread.currentThread().setContextClassLoader(loader);
            handler = Handler.find(System.getenv("_HANDLER"), loader);
        } catch (Throwable error) {
            Errors.log(error);
            api.failToStart(error);
            System.exit(1);
        }
        while (true) {
            RuntimeApi.Invocation invocation = api.next();
            setTrace(invocation.header("Trace-Id"));
            byte[] result = null;
            try {
                result = handler.handle(invocation);
            } catch (Throwable error) {
                Errors.log(error);
                api.fail(invocation, error);
                if (error instanceof VirtualMachineError) {
                    System.exit(1); // the heap or the stack is not to be relied upon
                }
                continue;
            } finally {
                System.out.flush();
            }
            api.respond(invocation, result);
        }
    }

    /**
     * The order of AWS's runtime interface client (aws-lambda-java-libs, CustomerClassLoader): the working directory's
     * classes, its jars, the layers' jars. It is the working directory, whatever LAMBDA_TASK_ROOT says.
     */
    private static ClassLoader functionLoader() throws IOException {
        File task = new File(System.getProperty("user.dir"));
        List<URL> places = new ArrayList<>();
        places.add(task.toURI().toURL());
        for (File folder : List.of(new File(task, "lib"), new File("/opt/java/lib"))) {
            File[] jars = folder.listFiles((in, name) -> name.endsWith(".jar"));
            if (jars != null) {
                Arrays.sort(jars);
                for (File jar : jars) {
                    places.add(jar.toURI().toURL());
                }
            }
        }
        return new URLClassLoader(places.toArray(new URL[0]), ClassLoader.getSystemClassLoader());
    }

    /** Java cannot change its environment, so AWS's tracing library looks for this property. */
    private static void setTrace(String header) {
        for (String name : List.of("com.amazonaws.xray.traceHeader", "_X_AMZN_TRACE_ID")) {
            if (header == null) {
                System.clearProperty(name);
            } else {
                System.setProperty(name, header);
            }
        }
    }
}
