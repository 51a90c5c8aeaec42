# The probe: performs the operations in the event, each `[name, argument]`, and responds with their results.

require "open3"

def library(name)
  require name
  Object.const_get(name.capitalize).greeting
end

# A list instead of a text keeps the shell out.
def run(program)
  output, status = Open3.capture2([program, program])
  raise "#{program}: #{status}" unless status.success?

  output.strip
end

def pause(seconds)
  puts "waiting"
  $stdout.flush
  sleep(seconds)
  nil
end

OPERATIONS = {
  "read" => ->(path) { File.read(path) },
  "environment" => ->(name) { ENV[name] },
  "library" => method(:library),
  "run" => method(:run),
  "command" => ->(_) { File.read("/proc/self/cmdline").split("\0") },
  "fail" => ->(message) { raise message },
  "wait" => method(:pause),
  "fill" => ->(number) { "x" * number },
  "length" => ->(text) { text.length },
}.freeze

def handler(event:, context:)
  event.map { |name, argument| OPERATIONS.fetch(name).call(argument) }
end
