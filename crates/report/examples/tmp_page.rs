fn main() {
    let a: Vec<String> = std::env::args().collect();
    let t = std::time::Instant::now();
    let page = hybrid_report::page(a[1].as_ref()).unwrap();
    eprintln!("{} bytes in {:?}", page.len(), t.elapsed());
    std::fs::write(&a[2], page).unwrap();
}
