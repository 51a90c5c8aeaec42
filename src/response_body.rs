//! The body of an HTTP response. Only a limit keeps a server from filling the memory with it.

use reqwest::Response;

/// The whole body of a response; none if it has more than `limit` bytes.
pub(crate) async fn read(response: &mut Response, limit: u64) -> reqwest::Result<Option<Vec<u8>>> {
    let mut body = Vec::new();
    while let Some(piece) = response.chunk().await? {
        if (body.len() + piece.len()) as u64 > limit {
            return Ok(None);
        }
        body.extend_from_slice(&piece);
    }
    Ok(Some(body))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    use super::*;

    /// What is read of a response whose head is followed by `body`.
    async fn read_response(head: &str, body: &'static [u8], limit: u64) -> reqwest::Result<Option<Vec<u8>>> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let head = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n");
        let server = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            // The client takes a response before its request for an error.
            connection.read_buf(&mut Vec::with_capacity(4096)).await.unwrap();
            connection.write_all(head.as_bytes()).await.unwrap();
            connection.write_all(body).await.unwrap();
            connection.shutdown().await.unwrap();
        });
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let mut response = client.get(url).send().await.unwrap();
        let result = read(&mut response, limit).await;
        server.await.unwrap();
        result
    }

    #[tokio::test]
    async fn a_response_is_read_up_to_a_limit() {
        let close = "connection: close";
        assert_eq!(read_response(close, b"12345", 5).await.unwrap().as_deref(), Some(&b"12345"[..]));
        assert_eq!(read_response(close, b"123456", 5).await.unwrap(), None);
        let chunked = "transfer-encoding: chunked";
        assert_eq!(read_response(chunked, b"3\r\n123\r\n3\r\n456\r\n0\r\n\r\n", 5).await.unwrap(), None);
        assert!(read_response("content-length: 9999999999", b"123", 5).await.is_err(), "it ends early");
    }
}
