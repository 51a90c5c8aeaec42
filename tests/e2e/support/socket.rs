//! A socket in front of the Docker Engine's that counts the bytes sent to the engine and can delay responses.

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// The socket. It works until the test's process ends.
pub(crate) struct EngineSocket {
    folder: tempfile::TempDir,
    sent: Arc<AtomicU64>,
}

impl EngineSocket {
    pub(crate) fn open() -> Self {
        Self::delaying("", Duration::ZERO)
    }

    /// A socket that delays the engine's responses on a connection with a request for `path`.
    pub(crate) fn delaying(path: &'static str, time: Duration) -> Self {
        // Not below target/, since the path of a socket is limited to about a hundred bytes.
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let engine =
            std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".to_owned());
        let engine =
            engine.strip_prefix("unix://").expect("this test needs an engine on a Unix socket").to_owned();
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let server = UnixStream::connect(&engine).expect("the Docker Engine's socket");
                let (client_too, server_too) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                let (counter, slow) = (Arc::clone(&counter), Arc::new(AtomicBool::new(false)));
                let slow_too = Arc::clone(&slow);
                thread::spawn(move || {
                    pass(client, server, |bytes| {
                        counter.fetch_add(bytes.len() as u64, Ordering::SeqCst);
                        let matches = !path.is_empty() && String::from_utf8_lossy(bytes).contains(path);
                        slow.fetch_or(matches, Ordering::SeqCst);
                    });
                });
                thread::spawn(move || {
                    pass(server_too, client_too, |_| {
                        if slow_too.load(Ordering::SeqCst) {
                            thread::sleep(time);
                        }
                    });
                });
            }
        });
        Self { folder, sent }
    }

    /// The value for `DOCKER_HOST`.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}/docker.sock", self.folder.path().display())
    }

    /// The number of bytes sent since the last call of this method.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.swap(0, Ordering::SeqCst)
    }
}

fn pass(mut from: UnixStream, mut to: UnixStream, mut see: impl FnMut(&[u8])) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(size @ 1..) = from.read(&mut buffer) {
        see(&buffer[..size]);
        if to.write_all(&buffer[..size]).is_err() {
            break;
        }
    }
    let _closed = to.shutdown(Shutdown::Write);
}
