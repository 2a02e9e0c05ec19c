//! What of the bytes of a request can decide anything.
//!
//! A replay asks the same question once. Two messages ask the same when they differ in the caller's id and document
//! reference alone, which the engine never reads; so the rest of the bytes is the question, and nothing is decoded.

/// Field number of `request_id` in `CheckExportRequest`.
const REQUEST_ID: u64 = 1;
/// Field number of `document_reference`.
const DOCUMENT_REFERENCE: u64 = 20;
/// Wire type of a field with a length before it.
const LENGTH_DELIMITED: u64 = 2;
/// Longest id or reference that is left out; both have this limit.
const LEFT_OUT_MAX: usize = 128;

/// Adds the bytes of a `CheckExportRequest` without its `request_id` and `document_reference`.
///
/// False where they cannot be left out: a text that the parser of requests might refuse, a field of a wire type that
/// this version does not use, bytes that end early. Such a request is read in full.
#[must_use]
pub fn essence(mut message: &[u8], into: &mut Vec<u8>) -> bool {
    // Fields are kept in runs: most messages have all that is kept in one piece.
    let mut run = message;
    while !message.is_empty() {
        let before = message;
        let Some((number, text)) = field(&mut message) else { return false };
        if number != REQUEST_ID && number != DOCUMENT_REFERENCE {
            continue;
        }
        let plain = |text: &[u8]| {
            let least = if number == REQUEST_ID { b'!' } else { b' ' };
            (1..=LEFT_OUT_MAX).contains(&text.len()) && text.iter().all(|byte| (least..=b'~').contains(byte))
        };
        if !text.is_some_and(plain) {
            return false;
        }
        into.extend_from_slice(run.get(..run.len() - before.len()).unwrap_or_default());
        run = message;
    }
    into.extend_from_slice(run);
    true
}

/// Takes one field off: its number, and its content where it has a length.
fn field<'a>(message: &mut &'a [u8]) -> Option<(u64, Option<&'a [u8]>)> {
    let key = varint(message)?;
    let (number, wire_type) = (key >> 3, key & 7);
    let length = match wire_type {
        0 => {
            varint(message)?;
            return Some((number, None));
        }
        1 => 8,
        LENGTH_DELIMITED => usize::try_from(varint(message)?).ok()?,
        5 => 4,
        _ => return None,
    };
    let (content, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some((number, (wire_type == LENGTH_DELIMITED).then_some(content)))
}

/// Takes a number off.
fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = message.split_first()?;
        *message = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::proto::v1;
    use crate::server::grpc::read_request;

    fn of(message: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        essence(message, &mut bytes).then_some(bytes)
    }

    fn request(request_id: &str, document_reference: &str, supersedes: &str) -> v1::CheckExportRequest {
        v1::CheckExportRequest {
            request_id: request_id.to_owned(),
            export_date: "2022-02-26".to_owned(),
            document_reference: document_reference.to_owned(),
            supersedes: supersedes.to_owned(),
            ..v1::CheckExportRequest::default()
        }
    }

    #[test]
    fn ids_and_references_are_left_out_and_nothing_else() {
        let bytes = |id, reference, supersedes| request(id, reference, supersedes).encode_to_vec();
        let one = of(&bytes("a", "DN-1", "D1"));
        assert!(one.is_some());
        assert_eq!(one, of(&bytes("b", "DN-22", "D1")));
        assert_eq!(one, of(&bytes("b", "", "D1")));
        assert_ne!(one, of(&bytes("a", "DN-1", "D2")));
        let other = v1::CheckExportRequest { dry_run: true, ..request("a", "DN-1", "D1") };
        assert_ne!(one, of(&other.encode_to_vec()));
        // Wherever they stand.
        let moved = [bytes("", "", "D1"), bytes("a", "DN-1", "").split_off(0)].concat();
        assert!(of(&moved).is_some());
    }

    #[test]
    fn what_the_parser_might_refuse_is_not_left_out() {
        for (id, reference) in [("a b", ""), ("é", ""), ("", "é"), ("", "a\nb"), (&*"x".repeat(129), "")] {
            assert_eq!(of(&request(id, reference, "").encode_to_vec()), None, "{id:?} {reference:?}");
        }
        for odd in [&[0x0b][..], &[0x0a, 2, b'x'], &[0xff; 11], &[0x08, 1]] {
            assert_eq!(of(odd), None, "{odd:?}");
        }
    }

    fn field() -> impl Strategy<Value = Vec<u8>> {
        let text = "[ -~é]{0,6}";
        prop_oneof![
            text.prop_map(|id| request(&id, "", "").encode_to_vec()),
            text.prop_map(|reference| request("", &reference, "").encode_to_vec()),
            text.prop_map(|supersedes| request("", "", &supersedes).encode_to_vec()),
            prop::collection::vec(any::<u8>(), 0..6),
        ]
    }

    proptest! {
        /// Leaving out must never make two requests one that are not.
        #[test]
        fn the_same_essence_is_the_same_request_but_for_what_is_left_out(
            fields in prop::collection::vec(field(), 0..6),
        ) {
            let message = fields.concat();
            if let Some(rest) = of(&message) {
                let without = |bytes: &[u8]| {
                    read_request(bytes).map(|mut request| {
                        (request.request_id, request.document_reference) = (None, None);
                        request
                    })
                };
                prop_assert_eq!(without(&message), without(&rest));
                prop_assert_eq!(of(&rest), Some(rest));
            }
        }
    }
}
