using System;
using System.Collections.Generic;
using System.Reflection;

namespace Limg.Runtime
{
    /// <summary>
    /// The handler's context. Its interfaces belong to the function, which brings Amazon.Lambda.Core in whatever version;
    /// so they are filled in when the function runs, by the names of their members.
    /// </summary>
    public class LambdaContext : DispatchProxy
    {
        private Dictionary<string, Func<object>> values;

        public static object Of(Type type, Invocation invocation)
        {
            var deadline = DateTimeOffset.FromUnixTimeMilliseconds(long.Parse(invocation.Header("Deadline-Ms")));
            var proxy = Implement(type);
            ((LambdaContext)proxy).values = new Dictionary<string, Func<object>>
            {
                { "get_AwsRequestId", () => invocation.Id },
                { "get_InvokedFunctionArn", () => invocation.Header("Invoked-Function-Arn") },
                { "get_TenantId", () => invocation.Header("Aws-Tenant-Id") },
                { "get_TraceId", () => invocation.Header("Trace-Id") },
                { "get_FunctionName", () => Variable("AWS_LAMBDA_FUNCTION_NAME") },
                { "get_FunctionVersion", () => Variable("AWS_LAMBDA_FUNCTION_VERSION") },
                { "get_LogGroupName", () => Variable("AWS_LAMBDA_LOG_GROUP_NAME") },
                { "get_LogStreamName", () => Variable("AWS_LAMBDA_LOG_STREAM_NAME") },
                { "get_MemoryLimitInMB", () => int.Parse(Variable("AWS_LAMBDA_FUNCTION_MEMORY_SIZE") ?? "0") },
                { "get_RemainingTime", () => deadline - DateTimeOffset.UtcNow },
                { "get_Logger", () => Implement(type.GetProperty("Logger").PropertyType) },
                // Neither is sent to a function that is called otherwise than by AWS's mobile SDK.
                { "get_ClientContext", () => null },
                { "get_Identity", () => null },
            };
            return proxy;
        }

        protected override object Invoke(MethodInfo method, object[] arguments)
        {
            Func<object> value;
            if (values != null && values.TryGetValue(method.Name, out value))
            {
                return value();
            }
            switch (method.Name)
            {
                case "Log": // with a level before the text, or without
                    Console.Write(arguments[arguments.Length - 1]);
                    return null;
                case "LogLine":
                    Console.WriteLine(arguments[0]);
                    return null;
                default:
                    throw new NotSupportedException(method + " is not known to this runtime");
            }
        }

        private static object Implement(Type type)
        {
            var create = typeof(DispatchProxy).GetMethod(nameof(DispatchProxy.Create));
            return create.MakeGenericMethod(type, typeof(LambdaContext)).Invoke(null, null);
        }

        private static string Variable(string name)
        {
            return Environment.GetEnvironmentVariable(name);
        }
    }
}
