# Runs a Ruby handler: a client of Lambda's Runtime API (Lambda developer guide,
# runtimes-api), with nothing but Ruby's standard library.

require "json"
require "net/http"

module LambdaRuntime
  # What a handler gets as `context:` (Lambda developer guide, ruby-context).
  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :deadline_ms, :client_context, :identity

    def initialize(headers)
      @aws_request_id = headers["Lambda-Runtime-Aws-Request-Id"]
      @invoked_function_arn = headers["Lambda-Runtime-Invoked-Function-Arn"]
      @deadline_ms = headers["Lambda-Runtime-Deadline-Ms"].to_i
      @client_context = parse(headers["Lambda-Runtime-Client-Context"])
      @identity = parse(headers["Lambda-Runtime-Cognito-Identity"])
    end

    def function_name = ENV["AWS_LAMBDA_FUNCTION_NAME"]
    def function_version = ENV["AWS_LAMBDA_FUNCTION_VERSION"]
    def memory_limit_in_mb = ENV["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
    def log_group_name = ENV["AWS_LAMBDA_LOG_GROUP_NAME"]
    def log_stream_name = ENV["AWS_LAMBDA_LOG_STREAM_NAME"]

    def get_remaining_time_in_millis
      [deadline_ms - Process.clock_gettime(Process::CLOCK_REALTIME, :millisecond), 0].max
    end

    private

    def parse(header)
      JSON.parse(header) unless header.to_s.empty?
    end
  end

  # The Runtime API. Every request has a connection of its own, since one that
  # was open when Lambda froze the process may be dead afterwards.
  class Client
    BASE = "/2018-06-01/runtime"

    def initialize(address)
      @host, @port = address.split(":")
    end

    # Waits for the next event for as long as it takes.
    def next_event
      request(Net::HTTP::Get.new("#{BASE}/invocation/next"))
    end

    def respond(id, json)
      post("/invocation/#{id}/response", json)
    end

    def fail_event(id, error)
      report("/invocation/#{id}/error", "Function", error)
    end

    def fail_init(error)
      report("/init/error", "Init", error)
    end

    private

    # The names of errors are those of AWS's client, `Function<RuntimeError>`.
    def report(path, phase, error)
      type = "#{phase}<#{error.class}>"
      message = error.message.encode("UTF-8", invalid: :replace, undef: :replace).scrub
      warn "#{type}: #{message}", error.backtrace.to_a.map { |line| "    #{line}" }
      body = { errorMessage: message, errorType: type, stackTrace: own_lines(error) }
      post(path, JSON.generate(body), "Lambda-Runtime-Function-Error-Type" => type)
    end

    # The lines of the stack above this file's own.
    def own_lines(error)
      error.backtrace.to_a.take_while { |line| !line.start_with?("#{__FILE__}:") }
    end

    def post(path, body, headers = {})
      request(Net::HTTP::Post.new(BASE + path, "Content-Type" => "application/json", **headers), body)
    end

    # The first nil keeps the request from a proxy that the environment names.
    def request(request, body = nil)
      request.body = body
      response = Net::HTTP.start(@host, @port.to_i, nil, read_timeout: nil, write_timeout: nil, max_retries: 0) do |http|
        http.request(request)
      end
      # A response can be refused, as one that is too large is: Lambda knows why.
      warn "Runtime API: #{request.method} #{request.path}: #{response.code} #{response.body}" unless response.is_a?(Net::HTTPSuccess)
      response
    end
  end

  # `file.method` or `file.Module::Class.method`, the file below the task root.
  class Handler
    def initialize(name, task_root)
      file, *receiver, @method = name.split(".")
      unless @method && receiver.length <= 1
        raise ArgumentError, "handler #{name.inspect} is neither FILE.METHOD nor FILE.CLASS.METHOD"
      end
      @receiver = receiver.first
      require File.expand_path(file, task_root)
    end

    def call(event, context)
      receiver = @receiver ? Object.const_get(@receiver) : Object
      # A method that a file defines outside any class is a private one.
      receiver.send(@method, event: event, context: context)
    end
  end

  module_function

  def run
    $stdout.sync = true
    client = Client.new(ENV.fetch("AWS_LAMBDA_RUNTIME_API"))
    handler = load_handler(client)
    loop { handle(client, handler) }
  end

  def load_handler(client)
    Handler.new(ENV.fetch("_HANDLER"), ENV.fetch("LAMBDA_TASK_ROOT", "/var/task"))
  rescue Exception => error # a syntax error is not a StandardError
    client.fail_init(error)
    exit!(1)
  end

  def handle(client, handler)
    event = client.next_event
    id = event["Lambda-Runtime-Aws-Request-Id"]
    ENV["_X_AMZN_TRACE_ID"] = event["Lambda-Runtime-Trace-Id"]
    begin
      value = JSON.parse(event.body.force_encoding(Encoding::UTF_8), max_nesting: false)
      result = JSON.generate(handler.call(value, Context.new(event)), max_nesting: 0)
    rescue Exception => error # whatever it is, it is this event's answer
      client.fail_event(id, error)
      # The process cannot be trusted after errors such as a lack of memory.
      exit!(1) unless error.is_a?(StandardError) || error.is_a?(ScriptError)
    else
      client.respond(id, result)
    end
  end
end

LambdaRuntime.run
