using System;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Runtime.Loader;
using System.Text.Json;
using System.Threading.Tasks;

namespace Limg.Runtime
{
    /// <summary>The function's method that takes events (Lambda developer guide, csharp-handler).</summary>
    public sealed class Handler
    {
        private const string Context = "Amazon.Lambda.Core.ILambdaContext";

        private static readonly JsonSerializerOptions Options =
            new JsonSerializerOptions { PropertyNameCaseInsensitive = true };

        private readonly MethodInfo method;
        private readonly object instance;

        private Handler(MethodInfo method, object instance)
        {
            this.method = method;
            this.instance = instance;
        }

        /// <summary>Finds what `Assembly::Namespace.Type::Method` names.</summary>
        public static Handler Find(string name, string task, Action<string, string> findAssemblies)
        {
            var parts = name.Split(new[] { "::" }, StringSplitOptions.None);
            if (parts.Length != 3 || parts.Contains(""))
            {
                throw new ArgumentException($"the handler `{name}` is not `Assembly::Namespace.Type::Method`");
            }
            var file = Path.Combine(task, parts[0] + ".dll");
            if (!File.Exists(file))
            {
                throw new FileNotFoundException($"Could not find the handler's assembly {file}");
            }
            findAssemblies(task, file);
            var assembly = AssemblyLoadContext.Default.LoadFromAssemblyPath(file);
            var type = assembly.GetType(parts[1]) ??
                throw new TypeLoadException($"The assembly {parts[0]} has no type {parts[1]}");
            var methods = type.GetMethods().Where(method => method.Name == parts[2]).ToArray();
            if (methods.Length != 1)
            {
                throw new MissingMethodException(
                    $"The type {parts[1]} has {methods.Length} public methods named {parts[2]} instead of one");
            }
            var parameters = methods[0].GetParameters();
            if (parameters.Length > 2 || (parameters.Length == 2 && !IsContext(parameters[1])))
            {
                throw new MissingMethodException(
                    $"{parts[1]}.{parts[2]} must take nothing, (event), (ILambdaContext) or (event, ILambdaContext)");
            }
            if (methods[0].ReturnType.FullName?.StartsWith("System.Threading.Tasks.ValueTask") == true)
            {
                throw new MissingMethodException($"{parts[1]}.{parts[2]} must return a Task instead of a ValueTask");
            }
            return new Handler(methods[0], methods[0].IsStatic ? null : Unwrapped(() => Activator.CreateInstance(type)));
        }

        /// <summary>The result as it goes to the caller.</summary>
        public byte[] Handle(Invocation invocation)
        {
            var arguments = method.GetParameters().Select(parameter => Argument(parameter, invocation)).ToArray();
            var result = Unwrapped(() => method.Invoke(instance, arguments));
            var type = method.ReturnType;
            if (result is Task task)
            {
                task.GetAwaiter().GetResult();
                type = type.IsGenericType ? type.GetGenericArguments()[0] : typeof(void);
                result = type == typeof(void) ? null : result.GetType().GetProperty("Result").GetValue(result);
            }
            if (type == typeof(void))
            {
                return new byte[0];
            }
            if (result is Stream stream)
            {
                var copy = new MemoryStream();
                stream.CopyTo(copy);
                return copy.ToArray();
            }
            return JsonSerializer.SerializeToUtf8Bytes(result, type, Options);
        }

        private static object Argument(ParameterInfo parameter, Invocation invocation)
        {
            if (IsContext(parameter))
            {
                return LambdaContext.Of(parameter.ParameterType, invocation);
            }
            if (parameter.ParameterType == typeof(Stream))
            {
                return new MemoryStream(invocation.Event);
            }
            return JsonSerializer.Deserialize(invocation.Event, parameter.ParameterType, Options);
        }

        private static bool IsContext(ParameterInfo parameter)
        {
            return parameter.ParameterType.FullName == Context;
        }

        /// <summary>The function's own exception, without the one that reflection puts around it.</summary>
        private static T Unwrapped<T>(Func<T> call)
        {
            try
            {
                return call();
            }
            catch (TargetInvocationException error)
            {
                System.Runtime.ExceptionServices.ExceptionDispatchInfo.Capture(error.InnerException).Throw();
                throw;
            }
        }
    }
}
