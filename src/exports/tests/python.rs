//! What modules of Python export.

use super::shown;
use crate::exports::{Exports, python};

#[test]
fn names_at_the_top_level_are_exported() {
    for (text, names) in [
        ("", ""),
        ("# comment\n'''text'''\n", ""),
        ("\u{feff}def handler(event, context): pass", "handler"),
        ("async def handler(event, context):\n    def inner(): pass\n    local = 1\n", "handler"),
        ("class Shop:\n    rate = 1\n    def run(self): pass\n", "Shop"),
        (
            "@tracer.capture_lambda_handler\n@logger.inject_lambda_context\ndef lambda_handler(e, c): pass",
            "lambda_handler",
        ),
        (
            "import json\nimport a.b\nimport c.d as e\nfrom f import g, h as i\nfrom . import j",
            "a e g i j json",
        ),
        ("from __future__ import annotations\nfrom x import (a,\n  b as c,\n)\n", "a annotations c"),
        ("handler = Mangum(app)\nlambda_handler = handler", "handler lambda_handler"),
        ("a, (b, *c) = [d, e] = f\nx: int = 3\nitem[0] = 1\nobject.name = 2", "a b c d e x"),
        ("for i, j in k:\n    n = 1\nelse:\n    m = 2\n", "i j m n"),
        ("while (n := next()):\n    last = n", "last n"),
        ("with open(a) as f, b as (g, h):\n    pass", "f g h"),
        ("try:\n    import x\nexcept ImportError as error:\n    x = None\nfinally:\n    y = 1", "error x y"),
        ("try:\n    a = 1\nexcept* E as group:\n    pass", "a group"),
        (
            "if TYPE_CHECKING:\n    from x import T\nelif y:\n    def a(): pass\nelse:\n    def b(): pass\n",
            "T a b",
        ),
        ("match q:\n    case [a, *r] | {'k': v, **kw} as whole:\n        done = 1\n", "a done kw r v whole"),
        ("type X = int\n", "X"),
        ("def f():\n    global late, later\n    late = 1\n", "f late later"),
        ("class A:\n    global made\n    made = 1\n", "A made"),
        ("handler = lambda event, context: {}\n", "handler"),
        ("def make():\n    return 1\n\nhandler = make()\n", "handler make"),
        ("if __name__ == '__main__':\n    print(handler({}, None))\n", ""),
        ("def f[T](x: T) -> T: ...\nclass C[T]: ...\n", "C f"),
        ("x = f'{a!r:>{width}} {f\"{b}\"}'\n", "x"),
        ("print(f\"{x = }\")\nasync def f():\n    async with a as b: pass\n    await g()\n", "f"),
        (
            "app = FastAPI()\n@app.get('/')\ndef root(): return {}\nhandler = Mangum(app, lifespan='off')\n",
            "app handler root",
        ),
        ("class Meta(type):\n    def __getattr__(cls, name): return 1\n", "Meta"),
    ] {
        assert_eq!(shown(&python::exports(text)), names, "{text}");
    }
}

#[test]
fn what_may_have_other_names_is_unknowable() {
    for text in [
        "from lib import *",
        "try:\n    from lib import *\nexcept ImportError: pass",
        "def __getattr__(name): return 1",
        "from lib import __getattr__",
        "globals()['handler'] = 1",
        "globals().update(x)",
        "locals()['handler'] = 1",
        "vars()['handler'] = 1",
        "exec('handler = 1')",
        "exec(compile(open('x').read(), 'x', 'exec'), globals())",
        "setattr(sys.modules[__name__], 'handler', 1)",
        "import sys\nsys.modules[__name__] = Lazy()",
        "from sys import modules",
        "module = importlib.import_module(__name__)",
        "def f(g): g.__globals__['handler'] = 1",
        "sys._getframe(1).f_globals['handler'] = 1",
        // Of Python 2, or of a template.
        "print 'text'",
        "exec 'x = 1'",
        "{% if x %}\nhandler = 1\n{% endif %}",
        "def handler(:\n",
        "x = (",
        "handler = ${handler}",
    ] {
        assert_eq!(python::exports(text), Exports::Unknowable, "{text}");
    }
}

#[test]
fn functions_are_distinguished_from_other_names() {
    let text = "import json\nfrom handlers import api_handler\nTABLE = 1\nhandler = app\ndef run(): pass\nclass A: pass\n";
    let Exports::Known(names) = python::exports(text) else { panic!("not parsed") };
    assert_eq!(names.functions.into_iter().collect::<Vec<_>>(), ["api_handler", "handler", "run"]);
}
