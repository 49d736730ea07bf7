use super::*;

/// Asks for the contents and remembers what is not known as its length; returns what was not known.
fn ask(cache: &mut Cache<usize>, contents: &[&str]) -> Vec<String> {
    let mut values = vec![None; contents.len()];
    let rows = contents.iter().map(|content| ((*content).to_owned(), *content));
    let pending = cache.pending(rows, &mut values);
    for row in &pending {
        row.put(&mut values, Some(row.row.len()));
        cache.insert(row.key, row.row.len());
    }
    let lengths: Vec<_> = contents.iter().map(|content| Some(content.len())).collect();
    assert_eq!(values, lengths);
    pending.iter().map(|row| row.row.to_owned()).collect()
}

#[test]
fn the_least_recently_used_goes_first_and_hits_are_counted() {
    let mut cache = Cache::new(3);
    assert_eq!(ask(&mut cache, &["a", "bb", "a", "ccc"]), ["a", "bb", "ccc"]);
    assert_eq!(cache.hits(), 0, "an equal row of the same batch was not remembered");
    assert_eq!(ask(&mut cache, &["a"]), [""; 0]);
    assert_eq!(cache.hits(), 1);
    assert_eq!(ask(&mut cache, &["dddd"]), ["dddd"]);
    assert_eq!(ask(&mut cache, &["a", "ccc", "dddd"]), [""; 0], "`bb` was used longest ago");
    assert_eq!(ask(&mut cache, &["bb"]), ["bb"]);
    assert_eq!(cache.hits(), 4);
}

#[test]
fn a_cache_of_nothing_remembers_nothing() {
    let mut cache = Cache::new(0);
    assert_eq!(ask(&mut cache, &["a"]), ["a"]);
    assert_eq!(ask(&mut cache, &["a"]), ["a"]);
    assert_eq!(cache.hits(), 0);
}
