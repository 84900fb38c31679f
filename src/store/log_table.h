// The table: the small file that says which segments exist and what they are. Nothing is ever found by listing files.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "store/format.h"
#include "store/volume.h"

namespace angarium::store {

/// Where a segment stands in its life (FORMAT.md: "Legal states").
enum class Phase {
  open,     ///< log: the one being written and the spare after it; bodies: may take more. Its end is found by reading.
  sealed,   ///< never written again; size and sequences are known
  filling,  ///< being written by sweeping or as an image; after a crash it is garbage
  retired,  ///< swept; still readable for the grace, then removed
};

struct Segment {
  std::uint32_t number = 0;
  SegmentKind kind = SegmentKind::log;
  Phase phase = Phase::open;
  std::uint32_t salt = 0;
  std::uint64_t first =
      0;  ///< log, sealed: sequences of its first and last batch; image: `last` is its position in history
  std::uint64_t last = 0;
  std::uint32_t before = 0;    ///< log, sealed: the chain before its first group
  std::uint32_t chain = 0;     ///< log, sealed: after its last group; image: at its sequence
  std::uint64_t size = 0;      ///< sealed: octets
  std::uint64_t bodies = 0;    ///< sealed: octets of the body records among them
  std::int64_t created = 0;    ///< microseconds since 1970
  std::int64_t since = 0;      ///< when it came into this phase
  std::uint64_t reserved = 0;  ///< open: octets the file has at least; 0: not known
  std::uint64_t unpacked = 0;  ///< cold: octets that its bodies were; 0: not known
  friend bool operator==(const Segment&, const Segment&) = default;
};

struct Table {
  std::uint64_t tablet = 0;  ///< random, the same in every segment
  std::uint32_t next = 1;    ///< numbers are never used twice
  /// A store that ever had a cold segment is one of version 2 for good: its relocations may have the form that a
  /// program of version 1 does not read, also when the last such segment is gone.
  bool had_cold = false;
  std::map<std::uint32_t, Segment> segments;

  /// Whether it had one or has one.
  [[nodiscard]] bool knows_cold() const;
  [[nodiscard]] std::string encode() const;
  static Result<Table> decode(std::string_view text);
};

}  // namespace angarium::store
