//! Every kind of head learns, is measured, and answers.

use serde_json::json;

use super::*;
use crate::heads::predict::Query;
use crate::run::NoObserver;

/// Trains to the end; the measurements before and after.
fn trained(bench: &Bench, text: &str) -> (Predictor, crate::Metrics, crate::Metrics) {
    let text = format!(
        "optim = {{ lr = 5e-3, scheduler = \"constant\" }}\ntrain.batch_size = 16\n\
         train.max_length = 32\n{text}\n[[phase]]\nkind = \"heads\"\nsteps = 60\n"
    );
    let config = bench.config(&text);
    let run = HeadsRun::open(bench.parts(&config).unwrap(), false).unwrap();
    let outcome = run.finish(&mut NoObserver).unwrap();
    let checkpoint = crate::checkpoint::newest_complete(&outcome.run_dir).unwrap().path;
    let predictor = Predictor::load(&checkpoint, &Device::flex()).unwrap();
    (predictor, outcome.before, outcome.after)
}

fn ask(predictor: &Predictor, text: &str) -> Value {
    let query = Query { text: text.to_owned(), ..Query::default() };
    json!(predictor.predict(0, &[query], 4096).unwrap()[0])
}

#[test]
fn classification() {
    let bench = Bench::new();
    let file = bench.rows("moods.jsonl", &moods(80));
    let (predictor, before, after) = trained(
        &bench,
        &format!(
            "[[head]]\ntask = \"mood\"\nkind = \"classification\"\ndata.train = {file:?}\n\
                  data.validation = 20\nclass_weights = \"balanced\"\n"
        ),
    );
    assert!(after.get("eval/accuracy/mood").unwrap() >= 0.95);
    assert!(after.get("eval/loss/mood").unwrap() < before.get("eval/loss/mood").unwrap());
    assert_eq!(after.get("eval/score"), after.get("eval/accuracy/mood"));
    let (yes, no) = (ask(&predictor, "1234 yes"), ask(&predictor, "4321 no"));
    assert_eq!((&yes["label"], &no["label"]), (&json!("good"), &json!("bad")));
    let sum: f64 =
        yes["probabilities"].as_object().unwrap().values().flat_map(|p| p.as_f64()).sum();
    assert!((sum - 1.0).abs() < 1e-12);
    // In batches as alone.
    let query = |text: &str| Query { text: text.to_owned(), ..Query::default() };
    let both = [query("a longer text beside, and no"), query("1234 yes")];
    let together = json!(predictor.predict(0, &both, 4096).unwrap()[1]);
    let share = |answer: &Value| answer["probabilities"]["good"].as_f64().unwrap();
    assert!((share(&together) - share(&yes)).abs() < 1e-6);
}

/// Most weights of the trunk stay, and what was learnt beside them answers, is exported and is a
/// reward model's trunk.
#[test]
fn classification_through_adapters() {
    let bench = Bench::new();
    let file = bench.rows("moods.jsonl", &moods(80));
    let text = format!(
        "model.lora = {{ rank = 4, targets = [\"query\", \"value\", \"up\", \"down\"] }}\n\
         optim = {{ lr = 2e-2, scheduler = \"constant\" }}\ntrain.batch_size = 16\n\
         train.max_length = 32\n[[head]]\ntask = \"mood\"\nkind = \"classification\"\n\
         data.train = {file:?}\ndata.validation = 20\n[[phase]]\nkind = \"heads\"\nsteps = 80\n"
    );
    let config = bench.config(&text);
    let run = HeadsRun::open(bench.parts(&config).unwrap(), false).unwrap();
    let counts = run.trainer().model().counts();
    let outcome = run.finish(&mut NoObserver).unwrap();
    assert!(outcome.after.get("eval/accuracy/mood").unwrap() >= 0.95, "{:?}", outcome.after);
    let lines = std::fs::read_to_string(outcome.run_dir.join("metrics.jsonl")).unwrap();
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first["metrics"]["heads/trained_parameters"], json!(counts.trained as f64));
    assert!(counts.trained * 3 < counts.all, "{counts:?}");

    let checkpoint = crate::checkpoint::newest_complete(&outcome.run_dir).unwrap().path;
    let predictor = Predictor::load(&checkpoint, &Device::flex()).unwrap();
    assert_eq!(ask(&predictor, "1234 yes")["label"], "good");
    assert_eq!(ask(&predictor, "4321 no")["label"], "bad");
    // The trunk's own weights are those of the model it began with.
    let tensors =
        |folder: &Path| crate::checkpoint::read_tensors(&folder.join("model.safetensors")).unwrap();
    let (before, after) = (tensors(&bench.path().join("model")), tensors(&checkpoint));
    assert!(before.iter().all(|(name, tensor)| after.get(name) == Some(tensor)));
    assert!(after.keys().any(|name| name.starts_with("lora.")));
    // What is exported is a plain model that says the same.
    let exported = bench.path().join("exported");
    predictor.export(0, &exported).unwrap();
    let plain = hybrid_model::SequenceClassifier::load(&exported, &Device::flex()).unwrap();
    let ids = bench.tokenizer().encode("1234 yes", true).unwrap();
    let logits = plain.logits(&[hybrid_model::TokenRow::new(&ids)]).unwrap();
    let logits: Vec<f32> = logits.into_data().iter::<f32>().collect();
    let share = 1.0 / (1.0 + f64::from(logits[0] - logits[1]).exp());
    let said = ask(&predictor, "1234 yes")["probabilities"]["good"].as_f64().unwrap();
    assert!((share - said).abs() < 1e-5, "{share}, predicted {said}");
}

#[test]
fn a_head_that_learns_from_rewards_alone() {
    let bench = Bench::new();
    let file = bench.rows("moods.jsonl", &moods(80));
    let (_, before, after) = trained(
        &bench,
        &format!(
            "[[head]]\ntask = \"mood\"\nkind = \"classification\"\ndata.train = {file:?}\n\
                  data.validation = 20\nfeedback = {{ coef = 1.0, supervised_coef = 0.0 }}\n"
        ),
    );
    assert!(before.get("eval/accuracy/mood").unwrap() < 0.8);
    assert!(after.get("eval/accuracy/mood").unwrap() >= 0.95);
}

#[test]
fn several_labels() {
    let bench = Bench::new();
    let row = |place: usize| {
        let (a, b) = (place.is_multiple_of(2), place.is_multiple_of(3));
        let text = format!("{}{}", if a { "aaa" } else { "---" }, if b { "bbb" } else { "+++" });
        json!({ "text": text, "a": f32::from(a), "b": if b { 0.9 } else { 0.1 } })
    };
    let file = bench.rows("several.jsonl", &(0..60).map(row).collect::<Vec<_>>());
    let plain = |place: usize| json!({ "text": format!("---+++ {place}"), "label": "unread" });
    let plain = bench.rows("plain.jsonl", &(0..30).map(plain).collect::<Vec<_>>());
    let (predictor, _, after) = trained(
        &bench,
        &format!(
            "[[head]]\ntask = \"both\"\nkind = \"multi_label\"\nlabels = [\"a\", \"b\"]\n\
                  data.train = {file:?}\ndata.validation = 12\n\
             data.neutral = {{ train = {plain:?}, select = 12 }}\n"
        ),
    );
    assert!(after.get("eval/f1_macro/both").unwrap() >= 0.95);
    assert!(after.get("eval/pearson/both").unwrap() >= 0.9);
    assert_eq!(ask(&predictor, "aaa+++")["labels"], json!(["a"]));
    assert_eq!(ask(&predictor, "aaabbb")["labels"], json!(["a", "b"]));
}

#[test]
fn numbers() {
    let bench = Bench::new();
    let row = |place: usize| {
        let count = place % 4;
        json!({ "text": format!("{}{}", "x".repeat(count), ".".repeat(4 - count)), "label": count })
    };
    let file = bench.rows("numbers.jsonl", &(0..60).map(row).collect::<Vec<_>>());
    let (predictor, _, after) = trained(
        &bench,
        &format!(
            "[[head]]\ntask = \"x\"\nkind = \"regression\"\npooling = \"mean\"\n\
                  data.train = {file:?}\ndata.validation = 12\n"
        ),
    );
    assert!(after.get("eval/pearson/x").unwrap() >= 0.95);
    let value = |text: &str| ask(&predictor, text)["values"][0].as_f64().unwrap();
    assert!(value("xxx.") > value("x...") + 1.0);
}

#[test]
fn tags_of_words() {
    let bench = Bench::new();
    let row = |place: usize| {
        let name = ["Ada Bell", "Cy Dove", "Eve Fox"][place % 3];
        let mut words = vec!["met", "by"];
        let at = place % 3;
        let mut tags = vec!["O", "O"];
        for (offset, part) in name.split(' ').enumerate() {
            words.insert(at + offset, part);
            tags.insert(at + offset, if offset == 0 { "B-PER" } else { "I-PER" });
        }
        json!({ "tokens": words, "tags": tags })
    };
    let file = bench.rows("tags.jsonl", &(0..60).map(row).collect::<Vec<_>>());
    let (predictor, _, after) = trained(
        &bench,
        &format!(
            "[[head]]\ntask = \"names\"\nkind = \"tagging\"\ndata.train = {file:?}\n\
                  data.validation = 12\nsub_words = \"all\"\n"
        ),
    );
    assert!(after.get("eval/entity_f1/names").unwrap() >= 0.9);
    let answer = ask(&predictor, "met Cy Dove by");
    assert_eq!(answer["entities"], json!([{ "kind": "PER", "start": 1, "end": 3 }]));
    assert_eq!(answer["tags"], json!(["O", "B-PER", "I-PER", "O"]));
}

#[test]
fn preferences() {
    let bench = Bench::new();
    let row = |place: usize| json!({ "prompt": format!("{place}?"), "chosen": "polite", "rejected": "rude" });
    let file = bench.rows("pairs.jsonl", &(0..60).map(row).collect::<Vec<_>>());
    let (predictor, _, after) = trained(
        &bench,
        &format!(
            "[[head]]\ntask = \"better\"\nkind = \"pairwise\"\ncenter_coef = 0.01\n\
                  data = {{ train = {file:?}, validation = 12, prompt = \"prompt\" }}\n"
        ),
    );
    assert!(after.get("eval/accuracy/better").unwrap() >= 0.95);
    let reward = |answer: &str| {
        let prompt = Some("77?".to_owned());
        let query = Query { text: answer.to_owned(), prompt, ..Query::default() };
        let answer = json!(predictor.predict(0, &[query], 4096).unwrap()[0]);
        answer["reward"].as_f64().unwrap()
    };
    // Half of the measured texts are of each kind: one deviation above the mean and one below.
    assert!((reward("polite") - 1.0).abs() < 0.2, "{}", reward("polite"));
    assert!((reward("rude") + 1.0).abs() < 0.2, "{}", reward("rude"));
}

/// Contexts with two answers, of which the question asks for one, or for what is not there.
fn questions(count: usize, may_lack: bool, is_long: bool) -> Vec<Value> {
    let row = |place: usize| {
        let first = ["a e", "b f", "c g", "d h"][place % 4];
        let second = ["v k", "w l", "y m", "z n"][place / 3 % 4];
        let fill = |count: usize| ". ".repeat(if is_long { count } else { 1 });
        let context = format!("{}ü {first} {second} {}", fill(place * 5 % 31), fill(30));
        let question = [",", ";", "?"][place % if may_lack { 3 } else { 2 }];
        let answer = match question {
            "," => Some(first),
            ";" => Some(second),
            _ => None,
        };
        let start = |answer: &&str| {
            let byte = context.find(answer).unwrap();
            context[..byte].chars().count()
        };
        let starts: Vec<usize> = answer.iter().map(start).collect();
        let texts: Vec<&str> = answer.into_iter().collect();
        json!({
            "question": question, "context": context,
            "answers": { "text": texts, "answer_start": starts },
        })
    };
    (0..count).map(row).collect()
}

/// A phase before the one that every run here has.
fn longer(steps: usize) -> String {
    format!("[[phase]]\nkind = \"heads\"\nsteps = {steps}\n")
}

fn asking(question: &str, context: &str) -> Query {
    let question = Some(question.to_owned());
    Query { text: context.to_owned(), question, ..Query::default() }
}

#[test]
fn answers_within_texts() {
    let bench = Bench::of_an_encoder();
    let file = bench.rows("squad.jsonl", &questions(140, false, false));
    let (predictor, before, after) = trained(
        &bench,
        &format!(
            "[[head]]\ntask = \"qa\"\nkind = \"span\"\nmax_answer = 4\n\
             data.train = {file:?}\ndata.validation = 28\n{}",
            longer(200)
        ),
    );
    assert!(after.get("eval/answer_f1/qa").unwrap() >= 0.9, "{after:?}");
    assert!(before.get("eval/answer_f1/qa").unwrap() < 0.6, "{before:?}");
    assert_eq!(after.get("eval/score"), after.get("eval/answer_f1/qa"));
    assert!(after.get("eval/unanswered_exact/qa").is_none());
    let ask = |question: &str, context: &str| {
        json!(predictor.predict(0, &[asking(question, context)], 4096).unwrap()[0])
    };
    let said = ask(";", ". ü b f z n .");
    assert_eq!(said["answer"], "z n", "{said}");
    assert_eq!((&said["start"], &said["end"]), (&json!(8), &json!(11)));
    assert_eq!(said["answerable"], json!(true));
    let score = said["score"].as_f64().unwrap();
    assert!(score > 0.3 && score <= 1.0, "{score}");
    assert_eq!(ask(",", ". ü c g y m .")["answer"], "c g");
    // A context without a word has no answer, whatever was learnt.
    let empty = ask(",", "");
    assert_eq!((&empty["answerable"], &empty["start"]), (&json!(false), &Value::Null));
    let error = predictor.predict(0, &[Query::default()], 4096).unwrap_err().to_string();
    assert!(error.contains("a `question` is missing"), "{error}");

    // It is exported as a model for questions.
    let exported = bench.path().join("exported");
    predictor.export(0, &exported).unwrap();
    let config = std::fs::read_to_string(exported.join("config.json")).unwrap();
    assert!(config.contains("BertForQuestionAnswering"), "{config}");
    let tensors = crate::checkpoint::read_tensors(&exported.join("model.safetensors")).unwrap();
    assert_eq!(tensors["qa_outputs.weight"].shape, [2, 20]);
}

#[test]
fn texts_without_an_answer_and_texts_in_windows() {
    let bench = Bench::of_an_encoder();
    // So many rows and steps that eight seeds of eight give these answers: fewer hang on how a machine's products round.
    let file = bench.rows("squad.jsonl", &questions(600, true, true));
    let (predictor, _, after) = trained(
        &bench,
        &format!(
            "[[head]]\ntask = \"qa\"\nkind = \"span_or_none\"\nmax_answer = 4\noverlap = 6\n\
             data.train = {file:?}\ndata.validation = 30\n{}",
            longer(900)
        ),
    );
    assert!(after.get("eval/answer_f1/qa").unwrap() >= 0.9, "{after:?}");
    assert!(after.get("eval/unanswered_exact/qa").unwrap() >= 0.9, "{after:?}");
    // The threshold of the best F1 is kept, by which the held-out rows have that F1.
    let best = after.get("eval/answer_f1_best/qa").unwrap();
    assert!(best >= after.get("eval/answer_f1/qa").unwrap(), "{after:?}");
    let reading = predictor.tasks()[0].span.unwrap();
    assert_eq!(reading.none_above, after.get("eval/none_above/qa"));
    let long = |words: &str| format!("{0}ü {words} {0}", ". ".repeat(30));
    let (first, second) = (long("c g w l"), long("a e w l"));
    let queries = [asking(",", &first), asking("?", &first), asking(";", &second)];
    let together = json!(predictor.predict(0, &queries, 4096).unwrap());
    assert_eq!((&together[0]["answer"], &together[0]["start"]), (&json!("c g"), &json!(62)));
    assert_eq!((&together[1]["answer"], &together[1]["answerable"]), (&json!(""), &json!(false)));
    assert_eq!(together[2]["answer"], "w l");
    // In batches as alone.
    for (query, together) in queries.iter().zip(together.as_array().unwrap()) {
        let alone = json!(predictor.predict(0, std::slice::from_ref(query), 8).unwrap()[0]);
        assert_eq!(alone["answer"], together["answer"]);
        let share = |answer: &Value| answer["score"].as_f64().unwrap();
        assert!((share(&alone) - share(together)).abs() < 1e-5);
    }
}

#[test]
fn a_causal_model_answers_within_texts() {
    let bench = Bench::new();
    let file = bench.rows("squad.jsonl", &questions(140, true, false));
    let (_, before, after) = trained(
        &bench,
        &format!(
            "[[head]]\ntask = \"qa\"\nkind = \"span_or_none\"\nmax_answer = 4\n\
             data.train = {file:?}\ndata.validation = 28\n"
        ),
    );
    let f1 = |metrics: &crate::Metrics| metrics.get("eval/answer_f1/qa").unwrap();
    assert!(f1(&after) >= f1(&before) + 0.2, "{before:?}, {after:?}");
}
