#pragma once

// The kinds of messages that replicas send each other. The kind is the first byte of a message. See
// docs/formats/peer.md.

#include <cstdint>

namespace polis::replica {

// Sent: DO NOT CHANGE the numbers.
enum class WireKind : std::uint8_t {
  kConsensus = 1,  // a message of the protocol
  kForward = 2,    // a bundle of commands for the master (store/command.hh)
  kQuestion = 3,   // id varint, Question u8, body
  kAnswer = 4,     // id varint, status code varint, text string, body string
  kShortage = 5,   // DiskSpace::Level u8, short of memory u8; an older release ignores it
  // 254 and 255 belong to peers/frame.hh.
};

}  // namespace polis::replica
