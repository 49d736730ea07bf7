use super::*;
use crate::golden::{ENCODERS, Expected, assert_close, floats, folder};

#[test]
fn a_decoder_reads_rows_of_any_length() {
    for case in ["gpt2", "llama"] {
        let trunk = Trunk::load(&folder(case), &Device::flex()).unwrap();
        let Trunk::Decoder(decoder) = &trunk else { panic!("{case} is a decoder") };
        let expected = Expected::of(case);
        let rows = expected.rows();
        let states = trunk.states(&rows).unwrap();
        assert_eq!(states.width(), trunk.width());
        for (index, row) in rows.iter().enumerate() {
            let alone = decoder.hidden(&TokenInput::single(row.ids, &Device::flex()), None);
            assert_close(case, &floats(states.row(index)), &floats(alone), 2e-6);
        }
        assert_eq!(trunk.states(&[]).unwrap().rows(), 0);
        let long = [3; 25];
        let error = trunk.states(&[TokenRow::new(&long)]).unwrap_err();
        assert_eq!(error, RowError::TooLong { row: 0, tokens: 25, most: 24 });
    }
}

#[test]
fn every_encoder_is_a_trunk() {
    for case in ENCODERS {
        let trunk = Trunk::load(&folder(case), &Device::flex()).unwrap();
        assert!(matches!(trunk, Trunk::Encoder(_)), "{case}");
        assert_eq!((trunk.width(), trunk.max_tokens() / 8), (18, 3), "{case}");
        let expected = Expected::of(case);
        let states = trunk.states(&expected.rows()).unwrap();
        let theirs = expected.get("hidden.2").unwrap();
        assert_close(case, &floats(states.states()), theirs, 1e-5);
    }
}
