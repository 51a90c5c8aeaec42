//! The modules that come with each version of Python.
//!
//! Source: `sys.stdlib_module_names` (docs.python.org, library/sys) of Python 3.11 and 3.14, with the removals and additions that
//! the pages "What's New In Python" name. Names with a leading underscore are left out: each of them counts as known.

/// Modules of all versions that Lambda has.
const MODULES: &str = "abc antigravity argparse array ast asyncio atexit base64 bdb binascii bisect builtins bz2 cProfile calendar \
    cmath cmd code codecs codeop collections colorsys compileall concurrent configparser contextlib contextvars copy copyreg csv \
    ctypes curses dataclasses datetime dbm decimal difflib dis doctest email encodings ensurepip enum errno faulthandler fcntl \
    filecmp fileinput fnmatch fractions ftplib functools gc genericpath getopt getpass gettext glob graphlib grp gzip hashlib heapq \
    hmac html http idlelib imaplib importlib inspect io ipaddress itertools json keyword linecache locale logging lzma mailbox \
    marshal math mimetypes mmap modulefinder msvcrt multiprocessing netrc nt ntpath nturl2path numbers opcode operator optparse os \
    pathlib pdb pickle pickletools pkgutil platform plistlib poplib posix posixpath pprint profile pstats pty pwd py_compile \
    pyclbr pydoc pydoc_data pyexpat queue quopri random re readline reprlib resource rlcompleter runpy sched secrets select \
    selectors shelve shlex shutil signal site smtplib socket socketserver sqlite3 sre_compile sre_constants sre_parse ssl stat \
    statistics string stringprep struct subprocess symtable sys sysconfig syslog tabnanny tarfile tempfile termios textwrap this \
    threading time timeit tkinter token tokenize trace traceback tracemalloc tty turtle turtledemo types typing unicodedata \
    unittest urllib uuid venv warnings wave weakref webbrowser winreg winsound wsgiref xml xmlrpc zipapp zipfile zipimport zlib \
    zoneinfo";

/// Modules that a version added, with its second number.
const ADDED: &[(u32, &str)] = &[(11, "tomllib"), (14, "annotationlib compression"), (15, "profiling")];

/// Modules that a version removed, with its second number.
const REMOVED: &[(u32, &str)] = &[
    (10, "formatter parser symbol"),
    (11, "binhex"),
    (12, "asynchat asyncore distutils imp smtpd"),
    (
        13,
        "aifc audioop cgi cgitb chunk crypt imghdr lib2to3 mailcap msilib nis nntplib ossaudiodev pipes sndhdr spwd sunau telnetlib \
         uu xdrlib",
    ),
];

/// Modules that only Python 2 has (docs.python.org, 2.7, Global Module Index).
const OF_PYTHON_2: &str = "BaseHTTPServer CGIHTTPServer ConfigParser Cookie HTMLParser Queue SimpleHTTPServer SocketServer StringIO \
    Tkinter UserDict UserList __builtin__ anydbm cPickle cStringIO commands cookielib copy_reg exceptions htmlentitydefs httplib md5 \
    robotparser sets sha sgmllib thread urllib2 urlparse xmlrpclib";

/// Whether a version of Python, such as (3, 12), comes with a module.
pub(super) fn has(module: &str, (_, minor): (u32, u32)) -> bool {
    module.starts_with('_') && module != "__builtin__"
        || names(MODULES, module)
        || ADDED.iter().any(|(since, modules)| minor >= *since && names(modules, module))
        || REMOVED.iter().any(|(since, modules)| minor < *since && names(modules, module))
}

/// The version that removed a module from the standard library, such as `Python 3.12`, if this version no longer has it.
pub(super) fn removed_in(module: &str, (_, minor): (u32, u32)) -> Option<String> {
    if is_of_python_2(module) {
        return Some("Python 3".to_owned());
    }
    let removed = REMOVED.iter().find(|(since, modules)| minor >= *since && names(modules, module));
    removed.map(|(since, _)| format!("Python 3.{since}"))
}

/// Whether only Python 2 has a module.
pub(super) fn is_of_python_2(module: &str) -> bool {
    names(OF_PYTHON_2, module)
}

fn names(modules: &str, module: &str) -> bool {
    modules.split_whitespace().any(|name| name == module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_differ_in_what_they_removed_and_added() {
        for (module, first, last) in
            [("json", 8, 15), ("distutils", 8, 11), ("cgi", 8, 12), ("tomllib", 11, 15), ("_thread", 8, 15)]
        {
            for minor in 8..=15 {
                assert_eq!(has(module, (3, minor)), (first..=last).contains(&minor), "{module} {minor}");
            }
        }
        assert!(!has("requests", (3, 12)) && !has("urllib2", (3, 12)) && !has("__builtin__", (3, 12)));
        assert_eq!(removed_in("imp", (3, 12)).as_deref(), Some("Python 3.12"));
        assert_eq!(removed_in("imp", (3, 11)), None);
        assert_eq!(removed_in("urllib2", (3, 11)).as_deref(), Some("Python 3"));
    }
}
