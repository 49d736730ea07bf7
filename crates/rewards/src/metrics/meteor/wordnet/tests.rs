use std::collections::BTreeSet;
use std::path::PathBuf;

use super::*;
use crate::fixtures::golden_folder;

fn wordnet() -> WordNet {
    WordNet::read(&golden_folder().join("wordnet")).unwrap()
}

#[test]
fn inflected_forms_lead_to_the_synonyms_of_their_base() {
    let wordnet = wordnet();
    let has = |word: &str, synonym: &str| wordnet.synonyms(word).any(|form| form == synonym);
    assert!(has("children", "kid"), "an irregular noun");
    assert!(has("kids", "child"), "an ending");
    assert!(has("starting", "commence") && has("bought", "purchase"), "verbs");
    assert!(!has("child", "zebra") && wordnet.synonyms("blorgify").next().is_none());
}

#[test]
fn synonyms_are_words_not_phrases_and_markers_fall() {
    let (offset, forms) =
        synset("00013887 00 s 02 galore(ip) 0 a_lot(a) 1 001 & 00013662 a 0000 | x").unwrap();
    assert_eq!(offset, 13_887);
    let forms: BTreeSet<&str> = forms.iter().map(|form| &**form).collect();
    assert_eq!(forms, BTreeSet::from(["galore"]));
    assert!(synset("00013887 00 s 03 galore 0").is_none(), "fewer forms than announced");
    assert!(synset("").is_none());
    let (lemma, offsets) = lemma("child n 2 3 @ ~ + 2 1 09917593 09918248").unwrap();
    assert_eq!((&*lemma, offsets), ("child", vec![9_917_593, 9_918_248]));
    assert!(super::lemma("child n 2 0 2 1 09917593").is_none(), "fewer offsets than announced");
}

#[test]
fn a_broken_folder_is_refused_with_file_and_line() {
    let missing = WordNet::read(&PathBuf::from("no/such/folder")).unwrap_err().to_string();
    assert!(missing.contains("data.noun"), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("data.noun"), "  1 licence\n00001740 03 n zz\n").unwrap();
    let broken = WordNet::read(folder.path()).unwrap_err().to_string();
    assert!(broken.starts_with("line 2 of") && broken.contains("a synset"), "{broken}");
}

#[test]
fn every_ending_leads_to_its_base_form() {
    let check = |endings: Endings, pairs: &str| {
        for pair in pairs.split(' ') {
            let (form, base) = pair.split_once('/').unwrap();
            let lemmas = HashMap::from([(Box::from(base), Box::default())]);
            let part = Part { lemmas, endings, ..Part::default() };
            assert_eq!(part.base_forms(form), [base], "{form}");
            assert_eq!(part.base_forms("other"), Vec::<String>::new());
        }
    };
    let nouns = "dogs/dog buses/bus wolves/wolf boxes/box waltzes/waltz churches/church \
                 dishes/dish firemen/fireman cities/city";
    check(NOUN, nouns);
    check(
        VERB,
        "runs/run tries/try moves/move passes/pass moved/move called/call moving/move going/go",
    );
    check(ADJECTIVE, "taller/tall tallest/tall finer/fine finest/fine");
}
