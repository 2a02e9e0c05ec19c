//! A codec that leaves messages as they are.
//!
//! The record keeps the request's own bytes, so they must survive decoding. A message that does not decode, or is too
//! long, is an answer in band on a stream and not the end of it, so decoding is not the codec's business. And answers
//! arrive here encoded, because most of an answer is the same text each time (see `render`).

use prost::bytes::{Buf, BufMut, Bytes};
use tonic::{
    Status,
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
};

/// A message as it came: bytes that nobody has looked at.
#[derive(Clone, Debug, Default)]
pub struct Incoming(pub Bytes);

/// A message as it goes: encoded.
#[derive(Clone, Debug, Default)]
pub struct Outgoing(pub Vec<u8>);

/// Hands messages through.
#[derive(Clone, Copy, Debug, Default)]
pub struct RawCodec;

impl Codec for RawCodec {
    type Encode = Outgoing;
    type Decode = Incoming;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for RawCodec {
    type Item = Outgoing;
    type Error = Status;

    fn encode(&mut self, item: Outgoing, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&item.0);
        Ok(())
    }
}

impl Decoder for RawCodec {
    type Item = Incoming;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Incoming>, Status> {
        let length = from.remaining();
        Ok(Some(Incoming(from.copy_to_bytes(length))))
    }
}
