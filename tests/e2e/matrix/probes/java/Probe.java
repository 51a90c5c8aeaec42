import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** The probe: performs the operations in the event, each {@code [name, argument]}, and responds with their results. */
public class Probe {
    public List<Object> handler(List<List<Object>> event) throws Exception {
        List<Object> results = new ArrayList<>();
        for (List<Object> operation : event) {
            results.add(run((String) operation.get(0), operation.get(1)));
        }
        return results;
    }

    private static Object run(String operation, Object argument) throws Exception {
        switch (operation) {
            case "read":
                return Files.readString(Path.of((String) argument));
            case "environment":
                String value = System.getenv((String) argument);
                return value == null ? System.getProperty((String) argument) : value;
            case "library":
                ClassLoader loader = Probe.class.getClassLoader();
                return loader.loadClass((String) argument).getMethod("greeting").invoke(null);
            case "run":
                Process program = new ProcessBuilder((String) argument).start();
                return new String(program.getInputStream().readAllBytes(), "UTF-8").trim();
            case "command":
                return Files.readString(Path.of("/proc/self/cmdline")).split("\0");
            case "fail":
                throw new IllegalStateException((String) argument);
            case "wait":
                System.out.println("waiting");
                Thread.sleep((long) (((Number) argument).doubleValue() * 1000));
                return null;
            case "fill":
                return "x".repeat((Integer) argument);
            case "length":
                String text = (String) argument;
                return text.codePointCount(0, text.length());
            default:
                throw new IllegalArgumentException("no operation " + operation);
        }
    }
}
