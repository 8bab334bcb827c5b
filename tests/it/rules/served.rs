//! A service on this machine, for programs that ask one: it answers with the files of a folder.
//!
//! A request gets the file whose name stands in quotes in what was sent; a request that names none gets 404.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

/// One that listens until the tests end.
pub struct Served {
    /// `http://127.0.0.1:…`.
    pub address: String,
}

impl Served {
    /// Starts to answer with what lies in a folder.
    pub fn start(folder: PathBuf) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let folder = folder.clone();
                std::thread::spawn(move || answer(stream, &folder));
            }
        });
        Self { address }
    }
}

/// One request, one answer. Whoever asks again connects again.
fn answer(stream: TcpStream, folder: &Path) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = String::from_utf8_lossy(&body);
    let mut files = std::fs::read_dir(folder).ok()?.flatten();
    let file = files.find(|file| body.contains(&format!("{:?}", file.file_name().to_string_lossy())));
    let (status, text) = match file.and_then(|file| std::fs::read(file.path()).ok()) {
        Some(text) => ("200 OK", text),
        None => ("404 Not Found", b"{}".to_vec()),
    };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n");
    let head = format!("{head}Content-Length: {}\r\nConnection: close\r\n\r\n", text.len());
    let mut stream = reader.into_inner();
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&text).ok()
}
