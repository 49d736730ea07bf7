use super::*;

fn bands(list: &[(&str, u64, u64)]) -> Vec<Band> {
    let band = |(label, first, last): &(&str, u64, u64)| Band {
        label: (*label).to_owned(),
        first: *first,
        last: *last,
    };
    list.iter().map(band).collect()
}

#[test]
fn equal_labels_have_equal_colours() {
    let list = bands(&[("sft", 0, 99), ("ppo", 100, 199), ("sft", 200, 299)]);
    let colours: Vec<usize> = shades(&list).iter().map(|shade| shade.colour).collect();
    assert_eq!(colours, [0, 1, 0]);
}

#[test]
fn quick_alternation_is_one_band() {
    let mut list = bands(&[("sft", 0, 199)]);
    for step in 200..400 {
        let label = if step % 2 == 0 { "sft" } else { "ppo" };
        list.extend(bands(&[(label, step, step)]));
    }
    let shades = shades(&list);
    let told: Vec<_> = shades.iter().map(|s| (s.label.as_str(), s.first, s.last)).collect();
    assert_eq!(told, [("sft", 0, 199), ("ppo + sft", 200, 399)]);
}

#[test]
fn no_phase_no_band_and_many_labels_no_panic() {
    assert_eq!(shades(&[]), []);
    let names: Vec<String> = (0..40).map(|index| format!("phase {index}")).collect();
    let list: Vec<Band> = names
        .iter()
        .zip(0..)
        .map(|(name, index)| Band { label: name.clone(), first: index * 10, last: index * 10 + 9 })
        .collect();
    assert_eq!(shades(&list).len(), 40);
    assert!(shades(&list).iter().all(|shade| shade.colour < COLOURS));
}
