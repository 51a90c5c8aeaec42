package limg.runtime;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The description of an exception, in the format of AWS's Java runtimes. */
final class Errors {
    /** Causes may form a ring. */
    private static final int CAUSES = 20;

    private Errors() {}

    static byte[] json(Throwable error) {
        return Json.write(describe(error, CAUSES));
    }

    private static Map<String, Object> describe(Throwable error, int causes) {
        Map<String, Object> description = new LinkedHashMap<>();
        String message = error.getLocalizedMessage();
        description.put("errorMessage", message == null ? error.getClass().getName() : message);
        description.put("errorType", error.getClass().getName());
        List<String> trace = new ArrayList<>();
        for (StackTraceElement frame : ownFrames(error)) {
            trace.add(frame.toString());
        }
        description.put("stackTrace", trace);
        if (error.getCause() != null && causes > 0) {
            description.put("cause", describe(error.getCause(), causes - 1));
        }
        return description;
    }

    /** Prints the exception into the log, without the runtime's frames. */
    static void log(Throwable error) {
        List<StackTraceElement> frames = ownFrames(error);
        error.setStackTrace(frames.toArray(new StackTraceElement[0]));
        error.printStackTrace();
    }

    /** The frames of the function: those above the runtime's call of it. */
    private static List<StackTraceElement> ownFrames(Throwable error) {
        List<StackTraceElement> frames = new ArrayList<>();
        for (StackTraceElement frame : error.getStackTrace()) {
            if (frame.getClassName().startsWith("limg.runtime.")) {
                break;
            }
            frames.add(frame);
        }
        while (!frames.isEmpty() && isReflection(frames.get(frames.size() - 1).getClassName())) {
            frames.remove(frames.size() - 1);
        }
        return frames;
    }

    private static boolean isReflection(String type) {
        return type.startsWith("java.lang.reflect.") || type.startsWith("jdk.internal.reflect.");
    }
}
