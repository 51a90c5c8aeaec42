/**
 * A Java agent: {@code -javaagent:agent.jar} runs it inside the function's process, before the runtime. Its jar is made by
 * {@code javac -d classes Agent.java} and {@code jar --create --file agent.jar --manifest MANIFEST.MF -C classes .}, with
 * the line {@code Premain-Class: Agent} as the manifest.
 */
public class Agent {
    public static void premain(String arguments) {
        System.setProperty("HOOKED", "yes");
    }
}
