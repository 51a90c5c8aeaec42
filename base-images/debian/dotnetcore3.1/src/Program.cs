using System;
using System.IO;
using System.Reflection;
using System.Runtime.Loader;

namespace Limg.Runtime
{
    /// <summary>Starts the function's handler and gives it one event after the other.</summary>
    public static class Program
    {
        public static int Main()
        {
            var api = new RuntimeApi(Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API"));
            Handler handler;
            try
            {
                var task = Environment.GetEnvironmentVariable("LAMBDA_TASK_ROOT");
                handler = Handler.Find(Environment.GetEnvironmentVariable("_HANDLER"), task, FindAssembliesIn);
            }
            catch (Exception error)
            {
                Console.Error.WriteLine(error);
                api.FailToStart(error);
                return 1;
            }
            while (true)
            {
                var invocation = api.Next();
                Environment.SetEnvironmentVariable("_X_AMZN_TRACE_ID", invocation.Header("Trace-Id"));
                byte[] result;
                try
                {
                    result = handler.Handle(invocation);
                }
                catch (Exception error)
                {
                    api.Fail(invocation, error);
                    Console.Error.WriteLine(error);
                    continue;
                }
                api.Respond(invocation, result);
            }
        }

        /// <summary>Lets .NET find what the function's assembly needs: what its deps.json says, else beside it.</summary>
        private static void FindAssembliesIn(string task, string mainAssembly)
        {
            var resolver = new AssemblyDependencyResolver(mainAssembly);
            AssemblyLoadContext.Default.Resolving += (context, name) =>
            {
                var path = resolver.ResolveAssemblyToPath(name) ?? Path.Combine(task, name.Name + ".dll");
                return File.Exists(path) ? context.LoadFromAssemblyPath(path) : null;
            };
            AssemblyLoadContext.Default.ResolvingUnmanagedDll += (assembly, name) =>
            {
                var path = resolver.ResolveUnmanagedDllToPath(name);
                return path == null ? IntPtr.Zero : System.Runtime.InteropServices.NativeLibrary.Load(path);
            };
        }
    }
}
