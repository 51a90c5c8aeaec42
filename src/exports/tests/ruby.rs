//! What files of Ruby define.

use super::shown;
use crate::exports::{Exports, ruby};

#[test]
fn methods_outside_of_classes_are_called_without_a_receiver() {
    for (text, names) in [
        ("", ""),
        ("require 'json'\ndef handler(event:, context:)\n  { statusCode: 200 }\nend\n", "handler"),
        (
            "require('aws-sdk-s3')\nrequire \"net/http\"\ndef handler(event:, context:) = { ok: true }",
            "handler",
        ),
        ("private def handler(event:, context:)\nend\n", "handler"),
        ("if ENV['X']\n  def a; end\nelse\n  def b; end\nend\n", "a b"),
        ("def self.handler(**) = 1\nclass << self\n  def other; end\nend\n", "handler other"),
        (
            "class MyError < StandardError\n  include Comparable\n  def run; end\nend\ndef handler(**); end",
            "handler",
        ),
        ("module Helper\n  extend self\n  def run; end\nend\n", ""),
        ("def old(**); end\nalias handler old\nalias :third :old\n", "handler old third"),
        ("handler = ->(event:, context:) { 1 }\n", ""),
        (
            "$stdout.sync = true\nLOGGER = Logger.new($stdout)\ndef handler(**); end\n__END__\ndef x",
            "handler",
        ),
        ("def a\n  def b; end\nend\n", "a b"),
        ("sql = <<~SQL\n  select 1\nSQL\ndef handler(**) = sql\n", "handler"),
    ] {
        assert_eq!(shown(&ruby::exports(text, None)), names, "{text}");
    }
}

#[test]
fn methods_of_a_class_are_those_of_the_class_itself() {
    for (text, names) in [
        ("class Shop\nend", ""),
        ("class Shop\n  def self.run(event:, context:)\n  end\n  def other; end\nend", "run"),
        (
            "class Shop\n  class << self\n    def run; end\n    private\n    def hidden; end\n  end\nend",
            "hidden run",
        ),
        ("module Shop\n  module_function\n  def run; end\nend", "run"),
        ("module Shop\n  extend self\n  def run; end\n  def walk; end\nend", "run walk"),
        ("module Shop\n  def run; end\n  module_function :run\nend", "run"),
        ("module Api\n  class Shop\n    attr_reader :x\n    def self.run; end\n  end\nend", "run"),
        (
            "class Api::Shop\n  def Shop.run; end\nend\ndef Shop.walk; end\nclass << Shop\n  def go; end\nend",
            "go run walk",
        ),
        ("class Other < Base\n  include X\n  def self.run; end\nend\nclass Shop\nend", ""),
        ("class Shop\n  LIMIT = Integer('5')\n  def self.run; end\nend\ndef main; end", "main run"),
        (
            "class Shop\n  class << self\n    def run; end\n    alias go run\n  end\n  private_class_method :run\nend",
            "go run",
        ),
    ] {
        assert_eq!(shown(&ruby::exports(text, Some("Api::Shop"))), names, "{text}");
    }
}

#[test]
fn what_may_define_other_methods_is_unknowable() {
    for text in [
        "require_relative 'lib'",
        "require './lib'",
        "require 'lamby'",
        "require \"#{name}\"",
        "require name",
        "%w[json lib].each { |name| require name }",
        "load 'lib.rb'",
        "Bundler.require(:default)",
        "autoload :Shop, './shop'",
        "eval(File.read('x'))",
        "define_method(:handler) { |event:, context:| 1 }",
        "self.class.send(:define_method, :handler) { 1 }",
        "define_singleton_method :handler do\nend",
        "def method_missing(name, **); end",
        "include Handlers",
        "extend Handlers",
        "self.extend(Handlers)",
        "class Object\n  def handler; end\nend",
        "Object.include(Handlers)",
        "instance_eval { 1 }",
        "def handler(event:",
        "class A\n",
        "<% if x %>\ndef handler; end\n<% end %>",
    ] {
        assert_eq!(ruby::exports(text, None), Exports::Unknowable, "{text}");
        assert_eq!(ruby::exports(text, Some("Shop")), Exports::Unknowable, "{text}");
    }
    for text in [
        "class Shop < Base\nend",
        "class Shop\n  include Handler\nend",
        "class Shop\n  extend Handler\nend",
        "class Shop\n  handles :event\nend",
        "class Shop\n  acts_as_handler\nend",
        "class Shop\n  class << self\n    attr_accessor :run\n  end\nend",
        "Shop = Struct.new(:a)",
        "Api::Shop = Class.new { }",
        "A, Shop = build",
        "Shop ||= ->(event:, context:) { 1 }",
        "class Shop\nend\nShop.extend(Handler)",
    ] {
        assert_eq!(ruby::exports(text, Some("Shop")), Exports::Unknowable, "{text}");
    }
}
