/// <summary>A startup hook: DOTNET_STARTUP_HOOKS runs it inside the function's process, before the runtime.</summary>
internal class StartupHook
{
    public static void Initialize()
    {
        System.Environment.SetEnvironmentVariable("HOOKED", "yes");
    }
}
