//! A loopback server that answers as the hub does, and misbehaves on demand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

pub(super) const COMMIT: &str = "a94a8fe5ccb19ba61c4c0873d391e987982fbbd3";

/// One file of the repository.
#[derive(Clone)]
pub(super) struct File {
    content: Vec<u8>,
    /// Value of the etag header; empty for none.
    pub(super) etag: String,
    /// Large files are redirected to another path, and have `x-linked-*` headers.
    large: bool,
    /// So many bodies stop half-way.
    pub(super) cut_bodies: usize,
    /// So many requests are answered by 503.
    pub(super) failures: usize,
    /// Another commit than the repository's.
    pub(super) commit: Option<String>,
    /// Another place to be redirected to; empty for a redirection to nowhere.
    pub(super) location: Option<String>,
    /// Another size than that of the content.
    pub(super) claimed_size: Option<usize>,
}

impl File {
    pub(super) fn small(content: &[u8]) -> Self {
        // The hub uses git's hash; any forty digits that differ by content will do.
        let sum = content.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
        let file = Self::large(content, &format!("{sum:040x}"));
        Self { large: false, ..file }
    }

    pub(super) fn large(content: &[u8], sha256: &str) -> Self {
        Self {
            content: content.to_vec(),
            etag: sha256.to_owned(),
            large: true,
            cut_bodies: 0,
            failures: 0,
            commit: None,
            location: None,
            claimed_size: None,
        }
    }
}

struct State {
    repo: String,
    commit: String,
    files: Vec<(String, File)>,
    token: Option<String>,
    /// Request line and range of each request.
    requests: Vec<(String, String)>,
    stopped: bool,
}

/// The server; it stops, and its address refuses connections, once it is dropped.
pub(super) struct Server {
    port: u16,
    state: Arc<Mutex<State>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Serves `repo` (`owner/name` or `datasets/owner/name`) with its branch `main`.
    pub(super) fn new(repo: &str, files: Vec<(&str, File)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let files = files.into_iter().map(|(name, file)| (name.to_owned(), file)).collect();
        let state = Arc::new(Mutex::new(State {
            repo: repo.to_owned(),
            commit: COMMIT.to_owned(),
            files,
            token: None,
            requests: Vec::new(),
            stopped: false,
        }));
        let shared = Arc::clone(&state);
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.lock().unwrap().stopped {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A client that hangs up early is part of the tests.
                thread::spawn(move || drop(serve(stream.unwrap(), &shared)));
            }
        });
        Self { port, state, thread: Some(thread) }
    }

    pub(super) fn with_token(self, token: &str) -> Self {
        self.state().token = Some(token.to_owned());
        self
    }

    pub(super) fn set_commit(&self, commit: &str) {
        self.state().commit = commit.to_owned();
    }

    pub(super) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Each request so far: method, path and range.
    pub(super) fn requests(&self) -> Vec<String> {
        let line = |(line, range): &(String, String)| match range.is_empty() {
            true => line.clone(),
            false => format!("{line} {range} "),
        };
        self.state().requests.iter().map(line).collect()
    }

    /// The ranges asked for at `path`.
    pub(super) fn ranges_of(&self, path: &str) -> Vec<String> {
        let line = format!("GET {path}");
        let requests = &self.state().requests;
        requests
            .iter()
            .filter(|(asked, _)| *asked == line)
            .map(|(_, range)| range.clone())
            .collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state().stopped = true;
        // Wakes the accepting thread up.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        self.thread.take().unwrap().join().unwrap();
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut headers = HashMap::new();
    loop {
        let mut header = String::new();
        reader.read_line(&mut header)?;
        let Some((name, value)) = header.trim().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let mut words = line.split(' ');
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let range = headers.get("range").cloned().unwrap_or_default();
    let mut state = state.lock().unwrap();
    state.requests.push((format!("{method} {path}"), range.clone()));
    let authorized = state.token.as_ref().is_none_or(|token| {
        headers.get("authorization").is_some_and(|given| *given == format!("Bearer {token}"))
    });
    let reply = if authorized { state.reply(path, &range) } else { Reply::status(401) };
    drop(state);
    stream.write_all(&reply.bytes(method == "HEAD"))
}

struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    /// How much of the body is really sent.
    sent: usize,
}

impl Reply {
    fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), sent: 0 }
    }

    fn bytes(&self, head_only: bool) -> Vec<u8> {
        let mut text = format!(
            "HTTP/1.1 {} Answer\r\nConnection: close\r\nContent-Length: {}\r\n",
            self.status,
            self.body.len()
        );
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        let body = if head_only { &[] } else { &self.body[..self.sent] };
        [text.as_bytes(), body].concat()
    }
}

impl State {
    fn reply(&mut self, path: &str, range: &str) -> Reply {
        let id = self.repo.strip_prefix("datasets/").unwrap_or(&self.repo);
        let kind = if id == self.repo { "models" } else { "datasets" };
        let info = [
            format!("/api/{kind}/{id}/revision/main"),
            format!("/api/{kind}/{id}/revision/{}", self.commit),
        ];
        if info.iter().any(|known| known == path) {
            let files = self.files.iter();
            let siblings: Vec<_> =
                files.map(|(name, _)| serde_json::json!({ "rfilename": name })).collect();
            let body = serde_json::json!({ "id": id, "sha": self.commit, "siblings": siblings });
            let body = body.to_string().into_bytes();
            return Reply { sent: body.len(), body, ..Reply::status(200) };
        }
        let resolve = format!("/{}/resolve/{}/", self.repo, self.commit);
        let commit = self.commit.clone();
        let redirected = path.strip_prefix("/cdn/");
        let Some(name) = path.strip_prefix(&resolve).or(redirected) else {
            return Reply::status(404);
        };
        let Some((_, file)) = self.files.iter_mut().find(|(known, _)| known == name) else {
            return Reply::status(404);
        };
        file.reply(&commit, name, redirected.is_some(), range)
    }
}

impl File {
    fn reply(&mut self, commit: &str, name: &str, redirected: bool, range: &str) -> Reply {
        if self.failures > 0 {
            self.failures -= 1;
            return Reply::status(503);
        }
        let mut reply = Reply::status(200);
        reply.headers.push(("X-Repo-Commit", self.commit.clone().unwrap_or(commit.to_owned())));
        if !self.etag.is_empty() {
            let linked = self.large && !redirected;
            let name = if linked { "X-Linked-Etag" } else { "ETag" };
            reply.headers.push((name, format!("\"{}\"", self.etag)));
        }
        let size = self.claimed_size.unwrap_or(self.content.len());
        if self.large && !redirected {
            reply.status = 302;
            reply.headers.push(("X-Linked-Size", size.to_string()));
            let location = self.location.clone().unwrap_or(format!("/cdn/{name}"));
            if !location.is_empty() {
                reply.headers.push(("Location", location));
            }
            return reply;
        }
        self.send(reply, size, range)
    }

    /// Adds the wanted range of the content to `reply`.
    fn send(&mut self, mut reply: Reply, size: usize, range: &str) -> Reply {
        let (first, last) = range
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
            .unwrap_or_default();
        let first: usize = first.parse().unwrap_or(0);
        if first >= self.content.len() {
            return Reply::status(416);
        }
        let end = last.parse().map_or(self.content.len(), |last: usize| last + 1);
        reply.body = self.content[first..end.min(self.content.len())].to_vec();
        reply.sent = reply.body.len();
        if !range.is_empty() {
            reply.status = 206;
            reply.headers.push(("Content-Range", format!("bytes {first}-{}/{size}", end - 1)));
        }
        if last.is_empty() && self.cut_bodies > 0 {
            self.cut_bodies -= 1;
            reply.sent = reply.body.len() / 2;
        }
        reply
    }
}
