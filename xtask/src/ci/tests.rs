use super::*;

#[test]
fn what_compiles_burn_again_is_left_out_where_its_time_is_gone() {
    assert_eq!(too_late("it", minutes(20), PARITY), None);
    assert_eq!(too_late("it", BUDGET - PARITY, PARITY), None);
    let reason = too_late("it", minutes(46), PARITY).unwrap();
    assert!(reason.starts_with("it: 46 of 70 minutes are gone"), "{reason}");
    assert!(too_late("it", minutes(200), CUDA).is_some());
}
