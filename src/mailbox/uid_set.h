// A set of UIDs as ascending ranges.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mailbox/types.h"

namespace angarium::mailbox {

struct UidRange {
  Uid first;
  Uid last;  ///< inclusive, not below first
  friend bool operator==(const UidRange&, const UidRange&) = default;
};

/// Ranges are ascending and never touch each other. A value; copies cost its ranges.
class UidSet {
 public:
  UidSet() = default;
  UidSet(std::initializer_list<UidRange> ranges) {
    for (const UidRange range : ranges) add(range);
  }
  static UidSet all() { return {{1, kUidMax}}; }

  void add(Uid uid) { add(UidRange{uid, uid}); }
  /// Ascending additions cost nothing; others a move of what stands behind.
  void add(UidRange range);
  [[nodiscard]] bool contains(Uid uid) const;
  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  /// How many UIDs it holds.
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] const std::vector<UidRange>& ranges() const { return ranges_; }
  void clear() { ranges_.clear(); }

  template <class F>
  void for_each(F&& each) const {
    for (const auto [first, last] : ranges_)
      for (std::uint64_t uid = first; uid <= last; ++uid) each(static_cast<Uid>(uid));
  }

  /// As in a sequence-set: "1:3,7"; empty for an empty set.
  [[nodiscard]] std::string text() const;
  /// Reads decimal ranges "1:3,7,9:4" (no '*'); fails as nothing on anything else.
  static Result<UidSet> parse(std::string_view text);

  void encode(std::string& out) const;
  /// Reads what encode() wrote, and nothing behind it; kDamaged otherwise.
  static Result<UidSet> decode(std::string_view octets);

  friend bool operator==(const UidSet&, const UidSet&) = default;

 private:
  std::vector<UidRange> ranges_;
};

/// The UIDs in both.
UidSet intersection(const UidSet& a, const UidSet& b);
/// The UIDs of `a` that are not in `b`.
UidSet difference(const UidSet& a, const UidSet& b);

}  // namespace angarium::mailbox
