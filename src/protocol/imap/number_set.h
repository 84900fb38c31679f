// Sets of message numbers and UIDs: what a client writes (sequence-set) and what it means for a mailbox (NumberSet).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace angarium::protocol::imap {

struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;  ///< ≥ first
  friend constexpr bool operator==(Range, Range) = default;
};

/// Sorted, disjoint, non-adjacent ranges of numbers ≥ 1: a set of UIDs or of sequence numbers.
class NumberSet {
 public:
  NumberSet() = default;
  /// Any ranges in any order; normalised in O(n log n).
  explicit NumberSet(std::vector<Range> ranges);

  [[nodiscard]] bool empty() const { return ranges_.empty(); }
  [[nodiscard]] std::uint64_t count() const;
  [[nodiscard]] bool contains(std::uint32_t number) const;
  [[nodiscard]] std::span<const Range> ranges() const { return ranges_; }
  [[nodiscard]] std::uint32_t min() const { return ranges_.empty() ? 0 : ranges_.front().first; }
  [[nodiscard]] std::uint32_t max() const { return ranges_.empty() ? 0 : ranges_.back().last; }
  /// Constant time when `number` is above all others, which is how sets are mostly built.
  void add(std::uint32_t number);
  void add(Range range);
  void clear() { ranges_.clear(); }
  [[nodiscard]] NumberSet intersection(const NumberSet& other) const;
  [[nodiscard]] NumberSet difference(const NumberSet& other) const;
  /// The numbers in places [begin, end), counted from 0.
  [[nodiscard]] NumberSet slice(std::uint64_t begin, std::uint64_t end) const;
  /// Calls visit(number) in ascending order.
  template <class Visit>
  void each(Visit&& visit) const {
    for (const auto& range : ranges_) {
      for (std::uint64_t n = range.first; n <= range.last; ++n) visit(static_cast<std::uint32_t>(n));
    }
  }
  /// "1:3,5"; empty for the empty set.
  [[nodiscard]] std::string text() const;
  void append_to(std::string& out) const;

  friend bool operator==(const NumberSet&, const NumberSet&) = default;

 private:
  std::vector<Range> ranges_;
};

/// sequence-set as written: ranges where 0 stands for "*", or "$" (RFC 5182, RFC 9051 §6.4.4.1).
struct SequenceSet {
  std::vector<Range> ranges;  ///< not ordered; first may be above last; 0 is "*"
  bool saved = false;         ///< "$": the result of the last SEARCH RETURN (SAVE)

  /// The numbers meant when the largest number in use is `max`. "n:*" always holds `max` (RFC 9051 §9, seq-range);
  /// with max 0 "*" stands for nothing.
  [[nodiscard]] NumberSet resolve(std::uint32_t max) const;
  /// The largest number written, `max` for "*"; above `max` when the set names a message that is not there.
  [[nodiscard]] std::uint32_t largest(std::uint32_t max) const;
  friend bool operator==(const SequenceSet&, const SequenceSet&) = default;
};

}  // namespace angarium::protocol::imap
