using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading;

namespace Limg.Runtime
{
    /// <summary>One event, with the headers that came with it.</summary>
    public sealed class Invocation
    {
        private readonly HttpResponseMessage answer;

        public Invocation(HttpResponseMessage answer)
        {
            this.answer = answer;
            Event = answer.Content.ReadAsByteArrayAsync().GetAwaiter().GetResult();
        }

        public byte[] Event { get; }

        public string Id => Header("Aws-Request-Id");

        /// <summary>The header Lambda-Runtime-NAME, or null.</summary>
        public string Header(string name)
        {
            IEnumerable<string> values;
            return answer.Headers.TryGetValues("Lambda-Runtime-" + name, out values) ? values.First() : null;
        }
    }

    /// <summary>The Runtime API (Lambda developer guide, runtimes-api), as a client of it.</summary>
    public sealed class RuntimeApi
    {
        private readonly HttpClient client;

        public RuntimeApi(string host)
        {
            client = new HttpClient(new HttpClientHandler { UseProxy = false })
            {
                BaseAddress = new Uri("http://" + host + "/2018-06-01/runtime/"),
                Timeout = Timeout.InfiniteTimeSpan, // an event may be long in coming
            };
        }

        public Invocation Next()
        {
            var answer = client.GetAsync("invocation/next").GetAwaiter().GetResult();
            return new Invocation(answer.EnsureSuccessStatusCode());
        }

        public void Respond(Invocation invocation, byte[] result)
        {
            Post("invocation/" + invocation.Id + "/response", null, result);
        }

        public void Fail(Invocation invocation, Exception error)
        {
            Post("invocation/" + invocation.Id + "/error", error.GetType().Name, Describe(error));
        }

        /// <summary>The function cannot be started at all.</summary>
        public void FailToStart(Exception error)
        {
            Post("init/error", error.GetType().Name, Describe(error));
        }

        private void Post(string path, string errorType, byte[] body)
        {
            var content = new ByteArrayContent(body);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            if (errorType != null)
            {
                content.Headers.Add("Lambda-Runtime-Function-Error-Type", errorType);
            }
            using (var answer = client.PostAsync(path, content).GetAwaiter().GetResult())
            {
                // 413: the result is too large. The service has reported that to the caller.
                if (answer.StatusCode != HttpStatusCode.RequestEntityTooLarge)
                {
                    answer.EnsureSuccessStatusCode();
                }
            }
        }

        /// <summary>The description of an exception, in the format of AWS's .NET runtimes.</summary>
        private static byte[] Describe(Exception error)
        {
            return JsonSerializer.SerializeToUtf8Bytes(Description(error));
        }

        private static Dictionary<string, object> Description(Exception error)
        {
            var description = new Dictionary<string, object>
            {
                { "errorType", error.GetType().Name },
                { "errorMessage", error.Message },
                {
                    // The function's own frames: not how the runtime came to it.
                    "stackTrace",
                    (error.StackTrace ?? "").Split('\n').Select(line => line.Trim())
                        .TakeWhile(line => line != "" && !line.StartsWith("--- ") && !line.StartsWith("at Limg.Runtime."))
                        .ToArray()
                },
            };
            if (error.InnerException != null)
            {
                description["cause"] = Description(error.InnerException);
            }
            return description;
        }
    }
}
