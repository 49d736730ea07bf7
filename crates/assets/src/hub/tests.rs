use std::fs;
use std::path::PathBuf;
use std::thread;

use super::*;
use crate::NoProgress;
use crate::fixtures::{Log, Place};

mod server;
use server::{COMMIT, File, Server};

/* Reference: `printf 'weights of a model' | sha256sum`. */
const WEIGHTS: &[u8] = b"weights of a model";
const WEIGHTS_SHA256: &str = "ca61ce52a25a9f04bf2df801143a4c2d6bfe8a59e3b3ebf17ffa2cbb915c146e";

fn model() -> Vec<(&'static str, File)> {
    vec![
        ("README.md", File::small(b"read me")),
        ("config.json", File::small(b"{}")),
        ("tokenizer.json", File::small(b"{\"t\": 0}")),
        ("model.safetensors", File::large(WEIGHTS, WEIGHTS_SHA256)),
    ]
}

fn options(place: &Place, server: &Server) -> Options {
    let mut options = place.options();
    options.hub.endpoint = server.address();
    options
}

fn get(place: &Place, server: &Server, name: &str) -> Result<Asset, AssetError> {
    resolve(name, Kind::Model, &options(place, server), &NoProgress)
}

#[test]
fn a_model_arrives_through_redirects_in_the_hub_s_cache_layout() {
    let (place, server) = (Place::new(), Server::new("o/n", model()));
    let log = Log::default();
    let asset = resolve("hf:o/n", Kind::Model, &options(&place, &server), &log).unwrap();
    let cache = place.path().join("hub-cache/models--o--n");
    assert_eq!(asset.path, cache.join("snapshots").join(COMMIT));
    assert_eq!(fs::read(asset.path.join("model.safetensors")).unwrap(), WEIGHTS);
    assert_eq!(fs::read(asset.path.join("config.json")).unwrap(), b"{}");
    assert!(!asset.path.join("README.md").exists());
    assert_eq!(fs::read_to_string(cache.join("refs/main")).unwrap(), COMMIT);
    assert!(cache.join("blobs").join(WEIGHTS_SHA256).exists());
    let lines = log.lines();
    let at = lines.iter().position(|line| line == "downloading model.safetensors: Some(18)");
    assert_eq!(lines[at.unwrap() + 1..], ["+18", "done"]);
}

#[test]
fn a_branch_costs_one_request_and_a_commit_none_once_fetched() {
    let (place, server) = (Place::new(), Server::new("o/n", model()));
    let first = get(&place, &server, "hf:o/n").unwrap();
    let before = server.requests().len();
    assert_eq!(get(&place, &server, "hf:o/n").unwrap(), first);
    assert_eq!(server.requests()[before..], ["GET /api/models/o/n/revision/main"]);
    let pinned = format!("hf:o/n@{COMMIT}");
    assert_eq!(get(&place, &server, &pinned).unwrap(), first);
    assert_eq!(server.requests().len(), before + 1);
}

#[test]
fn a_lost_or_shortened_file_is_fetched_again() {
    let (place, server) = (Place::new(), Server::new("o/n", model()));
    let path = get(&place, &server, "hf:o/n").unwrap().path.join("config.json");
    let blob = fs::canonicalize(&path).unwrap();
    fs::write(&blob, "").unwrap();
    let asset = get(&place, &server, &format!("hf:o/n@{COMMIT}")).unwrap();
    assert_eq!(fs::read(asset.path.join("config.json")).unwrap(), b"{}");
    fs::remove_file(&blob).unwrap();
    let asset = get(&place, &server, "hf:o/n").unwrap();
    assert_eq!(fs::read(asset.path.join("config.json")).unwrap(), b"{}");
}

#[test]
fn a_commit_that_shares_a_large_file_does_not_fetch_it_again() {
    let (place, server) = (Place::new(), Server::new("o/n", model()));
    get(&place, &server, "hf:o/n").unwrap();
    let other = "b".repeat(40);
    server.set_commit(&other);
    let before = server.requests().len();
    let asset = get(&place, &server, "hf:o/n").unwrap();
    assert!(asset.path.ends_with(&other));
    assert_eq!(fs::read(asset.path.join("model.safetensors")).unwrap(), WEIGHTS);
    let bodies =
        server.requests()[before..].iter().filter(|line| line.contains("bytes=0- ")).count();
    assert_eq!(bodies, 0, "{:?}", &server.requests()[before..]);
}

#[test]
fn a_broken_connection_is_continued_where_it_stopped() {
    let mut files = model();
    files[3].1.cut_bodies = 2;
    let (place, server) = (Place::new(), Server::new("o/n", files));
    let asset = get(&place, &server, "hf:o/n").unwrap();
    assert_eq!(fs::read(asset.path.join("model.safetensors")).unwrap(), WEIGHTS);
    let mut ranges = server.ranges_of("/cdn/model.safetensors");
    ranges.retain(|range| range != "bytes=0-0");
    // 18 bytes; each cut body stops half-way through what was left.
    assert_eq!(ranges, ["bytes=0-", "bytes=9-", "bytes=13-"]);
}

#[test]
fn a_connection_that_always_breaks_is_an_error_and_the_next_call_goes_on() {
    let mut files = model();
    files[3].1.cut_bodies = 3;
    let (place, server) = (Place::new(), Server::new("o/n", files));
    let error = get(&place, &server, "hf:o/n").unwrap_err();
    assert!(matches!(error, AssetError::HubUnreachable { .. }), "{error}");
    assert!(!error.is_bad_input());
    assert!(error.to_string().contains("what has arrived is kept"), "{error}");
    let asset = get(&place, &server, "hf:o/n").unwrap();
    assert_eq!(fs::read(asset.path.join("model.safetensors")).unwrap(), WEIGHTS);
    assert_eq!(server.ranges_of("/cdn/model.safetensors").last().unwrap(), "bytes=15-");
}

#[test]
fn a_partial_file_that_cannot_be_continued_is_dropped() {
    let blob = |place: &Place| {
        let blobs = place.path().join("hub-cache/models--o--n/blobs");
        fs::create_dir_all(&blobs).unwrap();
        blobs.join(WEIGHTS_SHA256)
    };
    // As long as the whole (the hub answers 416), longer, and of other content.
    for part in [WEIGHTS.to_vec(), [WEIGHTS, b"more"].concat(), b"other".to_vec()] {
        let (place, server) = (Place::new(), Server::new("o/n", model()));
        fs::write(blob(&place).with_extension("part"), part).unwrap();
        let asset = get(&place, &server, "hf:o/n").unwrap();
        assert_eq!(fs::read(asset.path.join("model.safetensors")).unwrap(), WEIGHTS);
    }
}

#[test]
fn passing_errors_are_retried_and_lasting_ones_reported() {
    let mut files = model();
    files[1].1.failures = 2;
    let (place, server) = (Place::new(), Server::new("o/n", files));
    get(&place, &server, "hf:o/n").unwrap();

    let mut files = model();
    files[1].1.failures = 1000;
    let (place, server) = (Place::new(), Server::new("o/n", files));
    let error = get(&place, &server, "hf:o/n").unwrap_err();
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(error.to_string().contains("o/n/config.json") && source.contains("503"), "{source}");
    let tries = server.ranges_of(&format!("/o/n/resolve/{COMMIT}/config.json")).len();
    assert_eq!(tries, 3, "as many as the options say");
}

#[test]
fn a_file_with_wrong_content_is_refused_and_not_kept() {
    let mut files = model();
    files[3].1 = File::large(b"weights of a modem", WEIGHTS_SHA256);
    let (place, server) = (Place::new(), Server::new("o/n", files));
    let error = get(&place, &server, "hf:o/n").unwrap_err();
    let text = error.to_string();
    assert!(text.contains(&format!("expected sha256 {WEIGHTS_SHA256}, got 267b3fa1")), "{text}");
    let blob = place.path().join("hub-cache/models--o--n/blobs").join(WEIGHTS_SHA256);
    assert!(!blob.exists());
}

#[test]
fn a_private_repository_needs_the_token() {
    let (place, server) = (Place::new(), Server::new("o/n", model()).with_token("hf_secret"));
    let error = get(&place, &server, "hf:o/n").unwrap_err();
    assert!(matches!(error, AssetError::HubDenied { status: 401, .. }), "{error}");
    assert!(error.to_string().contains("set HF_TOKEN"), "{error}");

    let mut options = options(&place, &server);
    options.hub.token = Some("hf_wrong".to_owned());
    let error = resolve("hf:o/n", Kind::Model, &options, &NoProgress).unwrap_err();
    assert!(error.to_string().contains("has no access"), "{error}");
    assert!(!error.to_string().contains("hf_wrong"), "the token must not be printed");

    options.hub.token = Some("hf_secret".to_owned());
    resolve("hf:o/n", Kind::Model, &options, &NoProgress).unwrap();

    let other = Place::new();
    fs::write(other.path().join("token"), "hf_secret\n").unwrap();
    get(&other, &server, "hf:o/n").unwrap();
}

#[test]
fn what_does_not_exist_is_bad_input() {
    let (place, server) = (Place::new(), Server::new("o/n", model()));
    for name in ["hf:o/other", "hf:o/n@no-such-branch"] {
        let error = get(&place, &server, name).unwrap_err();
        assert!(matches!(error, AssetError::HubNotFound { .. }), "{error}");
        assert!(error.is_bad_input());
        assert!(error.to_string().contains(name[3..].split('@').next().unwrap()), "{error}");
    }
}

#[test]
fn a_sharded_model_is_its_index_and_its_shards() {
    let index = br#"{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}"#;
    let files = vec![
        ("config.json", File::small(b"{}")),
        ("model.safetensors.index.json", File::small(index)),
        ("model-1.safetensors", File::small(b"one")),
        ("model-2.safetensors", File::small(b"two")),
        ("model-3.safetensors", File::small(b"not in the index")),
    ];
    let (place, server) = (Place::new(), Server::new("o/n", files));
    let asset = get(&place, &server, "hf:o/n").unwrap();
    assert_eq!(fs::read(asset.path.join("model-1.safetensors")).unwrap(), b"one");
    assert_eq!(fs::read(asset.path.join("model-2.safetensors")).unwrap(), b"two");
    assert!(!asset.path.join("model-3.safetensors").exists());
}

#[test]
fn one_gguf_is_a_file_and_a_data_set_has_its_own_address() {
    let files = vec![("sub/a.gguf", File::small(b"GGUF"))];
    let (place, server) = (Place::new(), Server::new("o/n", files));
    let asset = get(&place, &server, "hf:o/n").unwrap();
    assert!(asset.path.ends_with("sub/a.gguf"), "{asset:?}");

    let files = vec![("data/a.jsonl", File::small(b"{}\n"))];
    let (place, server) = (Place::new(), Server::new("datasets/o/n", files));
    let options = options(&place, &server);
    let asset = resolve("hf:o/n", Kind::Data, &options, &NoProgress).unwrap();
    assert!(asset.path.ends_with("data/a.jsonl"), "{asset:?}");
    assert_eq!(get(&place, &server, "hf:datasets/o/n").unwrap(), asset);
}

#[test]
fn without_the_hub_a_complete_copy_serves_and_an_incomplete_one_is_an_error() {
    let place = Place::new();
    let server = Server::new("o/n", model());
    let asset = get(&place, &server, "hf:o/n").unwrap();
    let mut options = options(&place, &server);
    drop(server);

    // The address now refuses connections.
    let again = resolve("hf:o/n", Kind::Model, &options, &NoProgress).unwrap();
    assert_eq!(again, asset);
    let error = resolve("hf:o/other", Kind::Model, &options, &NoProgress).unwrap_err();
    assert!(matches!(error, AssetError::HubUnreachable { .. }), "{error}");

    options.hub.offline = true;
    assert_eq!(resolve("hf:o/n", Kind::Model, &options, &NoProgress).unwrap(), asset);
    // Without our record, as another client would leave it.
    fs::remove_dir_all(place.home()).unwrap();
    assert_eq!(resolve("hf:o/n", Kind::Model, &options, &NoProgress).unwrap().path, asset.path);
    for name in ["hf:o/other", "hf:o/n@v2"] {
        let error = resolve(name, Kind::Model, &options, &NoProgress).unwrap_err();
        assert!(matches!(error, AssetError::HubOffline { .. }), "{error}");
    }
}

#[test]
fn two_processes_may_fetch_the_same_at_once() {
    let (place, server) = (Place::new(), Server::new("o/n", model()));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let asset = get(&place, &server, "hf:o/n").unwrap();
                assert_eq!(fs::read(asset.path.join("model.safetensors")).unwrap(), WEIGHTS);
            });
        }
    });
}

#[test]
fn hostile_answers_are_errors_and_touch_nothing_outside_the_cache() {
    type Change = fn(&mut File);
    let etag: Change = |file| file.etag = "../../../../evil".to_owned();
    let no_etag: Change = |file| file.etag = String::new();
    let commit: Change = |file| file.commit = Some("../../evil".to_owned());
    let location: Change = |file| file.location = Some("mailto:x".to_owned());
    let no_location: Change = |file| file.location = Some(String::new());
    let size: Change = |file| file.claimed_size = Some(99);
    let cases = [
        (etag, "no etag that can be kept"),
        (no_etag, "etag is missing"),
        (commit, "of another commit"),
        (location, "redirects to nowhere"),
        (no_location, "location"),
        (size, "expected 99 bytes, got 18 bytes"),
    ];
    for (change, reason) in cases {
        let mut files = model();
        change(&mut files[3].1);
        let (place, server) = (Place::new(), Server::new("o/n", files));
        let error = get(&place, &server, "hf:o/n").unwrap_err();
        assert!(matches!(error, AssetError::HubBadAnswer { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{reason}: {error}");
        let mut left: Vec<PathBuf> =
            fs::read_dir(place.path()).unwrap().map(|e| e.unwrap().path()).collect();
        left.sort();
        assert_eq!(left, [place.bin(), place.path().join("hub-cache")], "{reason}");
    }
    let (place, server) = (Place::new(), Server::new("o/n", model()));
    server.set_commit("../../evil");
    let error = get(&place, &server, "hf:o/n").unwrap_err();
    assert!(matches!(error, AssetError::HubBadAnswer { .. }), "{error}");
}

#[test]
fn an_endpoint_that_is_no_address_is_bad_input() {
    let place = Place::new();
    let mut options = place.options();
    for endpoint in ["huggingface.co", "", "ftp://x", "file:///etc"] {
        options.hub.endpoint = endpoint.to_owned();
        let error = resolve("hf:o/n", Kind::Model, &options, &NoProgress).unwrap_err();
        assert!(error.is_bad_input() && error.to_string().contains("HF_ENDPOINT"), "{error}");
    }
}
