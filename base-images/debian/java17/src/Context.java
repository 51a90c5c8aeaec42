package limg.runtime;

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Supplier;

/**
 * The handler's second parameter. Its interfaces belong to the function, which brings aws-lambda-java-core in whatever
 * version; so they are filled in when the function runs, by the names of their methods.
 */
final class Context {
    private Context() {}

    static Object of(Class<?> type, RuntimeApi.Invocation invocation) {
        long deadline = Long.parseLong(invocation.header("Deadline-Ms"));
        String memory = System.getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE");
        Map<String, Supplier<Object>> values = new HashMap<>();
        values.put("getAwsRequestId", invocation::id);
        values.put("getInvokedFunctionArn", () -> invocation.header("Invoked-Function-Arn"));
        values.put("getTenantId", () -> invocation.header("Aws-Tenant-Id"));
        values.put("getXrayTraceId", () -> invocation.header("Trace-Id"));
        values.put("getFunctionName", () -> System.getenv("AWS_LAMBDA_FUNCTION_NAME"));
        values.put("getFunctionVersion", () -> System.getenv("AWS_LAMBDA_FUNCTION_VERSION"));
        values.put("getLogGroupName", () -> System.getenv("AWS_LAMBDA_LOG_GROUP_NAME"));
        values.put("getLogStreamName", () -> System.getenv("AWS_LAMBDA_LOG_STREAM_NAME"));
        values.put("getMemoryLimitInMB", () -> memory == null ? 0 : Integer.valueOf(memory));
        values.put("getRemainingTimeInMillis", () -> (int) (deadline - System.currentTimeMillis()));
        Map<?, ?> identity = object(invocation.header("Cognito-Identity"));
        Map<?, ?> client = object(invocation.header("Client-Context"));
        return implement(type, (proxy, method, arguments) -> {
            switch (method.getName()) {
                case "getLogger":
                    return implement(method.getReturnType(), Context::log);
                case "getIdentity":
                    return implement(method.getReturnType(), fields(identity == null ? Map.of() : identity));
                case "getClientContext":
                    return client == null ? null : implement(method.getReturnType(), fields(client));
                default:
                    Supplier<Object> value = values.get(method.getName());
                    return value == null ? unknown(proxy, method, arguments) : value.get();
            }
        });
    }

    /** All methods of a logger are {@code log(message)}, or {@code log(message, level)} in newer versions. */
    private static Object log(Object proxy, Method method, Object[] arguments) throws Throwable {
        if (!method.getName().equals("log")) {
            return unknown(proxy, method, arguments);
        }
        Object message = arguments[0];
        byte[] text = message instanceof byte[]
            ? (byte[]) message
            : String.valueOf(message).getBytes(StandardCharsets.UTF_8);
        synchronized (System.out) {
            System.out.write(text, 0, text.length);
            System.out.println();
        }
        return null;
    }

    /** Getters that read the entry of their name: the documented ones differ from the headers' in these only. */
    private static InvocationHandler fields(Map<?, ?> object) {
        Map<String, String> names = Map.of(
            "getIdentityId", "cognitoIdentityId",
            "getIdentityPoolId", "cognitoIdentityPoolId",
            "getEnvironment", "env");
        return (proxy, method, arguments) -> {
            String getter = method.getName();
            if (!getter.startsWith("get")) {
                return unknown(proxy, method, arguments);
            }
            String field = names.get(getter);
            if (field == null) { // getAppTitle is app_title
                field = getter.substring(3).replaceAll("(?<=.)([A-Z])", "_$1").toLowerCase();
            }
            Object value = object.get(field);
            boolean nested = value instanceof Map<?, ?> && !Map.class.isAssignableFrom(method.getReturnType());
            return nested ? implement(method.getReturnType(), fields((Map<?, ?>) value)) : value;
        };
    }

    private static Map<?, ?> object(String json) {
        Object value = json == null || json.isEmpty() ? null : Json.read(json.getBytes(StandardCharsets.UTF_8));
        return value instanceof Map<?, ?> ? (Map<?, ?>) value : null;
    }

    private static Object implement(Class<?> type, InvocationHandler methods) {
        return Proxy.newProxyInstance(type.getClassLoader(), new Class<?>[] {type}, methods);
    }

    private static Object unknown(Object proxy, Method method, Object[] arguments) throws Throwable {
        switch (method.getName()) {
            case "toString":
                return proxy.getClass().getInterfaces()[0].getSimpleName();
            case "hashCode":
                return System.identityHashCode(proxy);
            case "equals":
                return proxy == arguments[0];
            default:
                if (method.isDefault()) {
                    return InvocationHandler.invokeDefault(proxy, method, arguments);
                }
                throw new UnsupportedOperationException(method + " is not known to this runtime");
        }
    }
}
