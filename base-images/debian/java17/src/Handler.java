package limg.runtime;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.Type;
import java.util.Arrays;

/** The function's method that takes events (Lambda developer guide, java-handler). */
final class Handler {
    private static final String CONTEXT = "com.amazonaws.services.lambda.runtime.Context";

    private final Method method;
    private final Object instance;
    private final boolean streams;
    private final boolean context;

    private Handler(Method method, Object instance) {
        Class<?>[] parameters = method.getParameterTypes();
        this.method = method;
        this.instance = instance;
        streams = parameters[0] == InputStream.class;
        context = parameters[parameters.length - 1].getName().equals(CONTEXT);
    }

    /** Finds what {@code package.Class::method} names; without a method, it is {@code handleRequest}. */
    static Handler find(String name, ClassLoader loader) throws Throwable {
        String[] parts = name.split("::", -1);
        if (parts.length > 2 || Arrays.asList(parts).contains("")) {
            throw new IllegalArgumentException(
                "the handler `" + name + "` is neither `package.Class::method` nor `package.Class`");
        }
        Class<?> type;
        try {
            type = Class.forName(parts[0], true, loader);
        } catch (ClassNotFoundException error) {
            throw new ClassNotFoundException("Class not found: " + parts[0]);
        }
        Method method = choose(type, parts.length == 2 ? parts[1] : "handleRequest");
        Object instance = null;
        if (!Modifier.isStatic(method.getModifiers())) {
            try {
                instance = type.getConstructor().newInstance();
            } catch (InvocationTargetException error) {
                throw error.getCause();
            }
        }
        return new Handler(method, instance);
    }

    /** Of the overloads, the one with the most parameters: so one with a context goes before one without. */
    private static Method choose(Class<?> type, String name) throws NoSuchMethodException {
        Method chosen = null;
        boolean several = false;
        for (Method method : type.getMethods()) {
            // A bridge is the compiler's twin of a method of a generic interface, without the real types.
            if (method.isBridge() || !method.getName().equals(name) || !takesEvents(method)) {
                continue;
            }
            int more = chosen == null ? 1 : method.getParameterCount() - chosen.getParameterCount();
            several = more == 0 || (several && more < 0);
            chosen = more > 0 ? method : chosen;
        }
        if (chosen == null) {
            throw new NoSuchMethodException("No public method named " + name + " of class " + type.getName()
                + " takes (event), (event, Context), (InputStream, OutputStream)"
                + " or (InputStream, OutputStream, Context)");
        }
        if (several) {
            throw new NoSuchMethodException("Class " + type.getName() + " has more than one method named " + name
                + " with " + chosen.getParameterCount() + " parameters: give one of them a name of its own");
        }
        // A public method of a class that is not public would otherwise be refused.
        chosen.setAccessible(true);
        return chosen;
    }

    private static boolean takesEvents(Method method) {
        Class<?>[] types = method.getParameterTypes();
        int count = types.length;
        if (count > 1 && types[count - 1].getName().equals(CONTEXT)) {
            count--;
        }
        return count == 1 && types[0] != InputStream.class && !types[0].getName().equals(CONTEXT)
            || count == 2 && types[0] == InputStream.class && types[1] == OutputStream.class;
    }

    /** The result as it goes to the caller. */
    byte[] handle(RuntimeApi.Invocation invocation) throws Throwable {
        Object[] arguments = new Object[method.getParameterCount()];
        ByteArrayOutputStream output = new ByteArrayOutputStream();
        if (streams) {
            arguments[0] = new ByteArrayInputStream(invocation.event);
            arguments[1] = output;
        } else {
            Type type = method.getGenericParameterTypes()[0];
            arguments[0] = Convert.to(type, Json.read(invocation.event));
        }
        if (context) {
            Class<?> type = method.getParameterTypes()[arguments.length - 1];
            arguments[arguments.length - 1] = Context.of(type, invocation);
        }
        Object result;
        try {
            result = method.invoke(instance, arguments);
        } catch (InvocationTargetException error) {
            throw error.getCause();
        }
        return streams ? output.toByteArray() : Json.write(result);
    }
}
