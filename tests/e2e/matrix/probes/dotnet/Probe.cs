using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using System.Threading;

/// <summary>The probe: performs the operations in the event, each [name, argument], and responds with their results.</summary>
public class Probe
{
    public List<object> Handler(JsonElement[][] operations)
    {
        var results = new List<object>();
        foreach (var operation in operations)
        {
            results.Add(Run(operation[0].GetString(), operation[1]));
        }
        return results;
    }

    private static object Run(string operation, JsonElement argument)
    {
        switch (operation)
        {
            case "read": return File.ReadAllText(argument.GetString());
            case "environment": return Environment.GetEnvironmentVariable(argument.GetString());
            case "library":
                var name = argument.GetString();
                return Assembly.Load(name).GetType(name).GetMethod("Greeting").Invoke(null, null);
            case "run":
                var start = new ProcessStartInfo(argument.GetString()) { RedirectStandardOutput = true };
                return Process.Start(start).StandardOutput.ReadToEnd().Trim();
            case "command": return File.ReadAllText("/proc/self/cmdline").TrimEnd('\0').Split('\0');
            case "fail": throw new InvalidOperationException(argument.GetString());
            case "wait": Console.WriteLine("waiting"); Thread.Sleep(TimeSpan.FromSeconds(argument.GetDouble())); return null;
            case "fill": return new string('x', argument.GetInt32());
            case "length": return argument.GetString().EnumerateRunes().Count();
            default: throw new ArgumentException("no operation " + operation);
        }
    }
}
