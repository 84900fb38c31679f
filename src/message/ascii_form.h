// A message as readers without UTF-8 get it: headers in ASCII (downgrade.h), all else by reference to the original.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "message/structure.h"

namespace angarium::message {

/// Octets of a message's own header, and of the headers of its parts together, that are put into ASCII: they are made
/// again for every reader, so their memory is bounded. A header beyond stays as it is.
inline constexpr std::uint64_t kAsciiHeaderMax = std::uint64_t{256} << 10;
/// Octets above 127 of all headers of a message that are put into ASCII: a domain name of two of them costs some
/// microseconds and becomes eleven times as long. A header that goes beyond stays as it is. Fields put before a message
/// may have as many of their own, for the message's form is one for all its recipients.
inline constexpr std::uint64_t kAsciiOctetsMax = std::uint64_t{16} << 10;

/// The parts whose headers are put into ASCII, ascending: those with octets above 127, up to kAsciiHeaderMax.
std::vector<std::uint32_t> headers_for_ascii(const Structure& structure);

/// The difference between a message and its ASCII form. Says nothing where no header differs, which is so for nearly
/// all mail; then nothing is allocated either. Offsets and ranges of the original must not lie inside a header that
/// differs; bodies and headers as a whole never do. Equal structures and headers make equal forms.
class AsciiForm {
 public:
  AsciiForm() = default;
  /// Of a message that is in memory.
  AsciiForm(const Structure& structure, std::string_view message);
  /// Fields that stand before the message, where the original begins. Comes first, and takes nothing from what the
  /// message's own headers may have: the growth is the sum of this one's and of the message's form alone.
  void add_prepended(std::string_view fields);
  /// A header of the original, at that place. They come in their order and do not overlap.
  void add(Range place, std::string_view header);

  /// The form is the message itself.
  [[nodiscard]] bool identity() const { return changes_.empty(); }
  /// By how many octets the form is longer than the message.
  [[nodiscard]] std::int64_t growth() const { return changes_.empty() ? 0 : changes_.back().growth; }
  /// Where an octet of the original stands in the form.
  [[nodiscard]] std::uint64_t shown(std::uint64_t offset) const;
  /// A range of the original in the form.
  [[nodiscard]] Range shown(Range range) const;
  /// How many line ends a range has in the form, of which it has `lines` in the original.
  [[nodiscard]] std::uint64_t shown_lines(Range range, std::uint64_t lines) const;

  /// A stretch of the form: octets of a header, or where they stand in the original.
  struct Stretch {
    std::string_view octets;  ///< lives as long as the form
    Range original;           ///< when there are no octets; may reach beyond the end of the message
  };
  /// What the form has from `offset` on, at most `count` octets.
  [[nodiscard]] Stretch at(std::uint64_t offset, std::uint64_t count) const;
  /// The original's structure with the offsets, sizes and lines of the form. Fields and types are not told of headers
  /// that differ; `eight_bit_header` stays.
  [[nodiscard]] Structure structure(Structure original) const;

 private:
  struct Change {
    Range original;
    std::uint64_t begin;  // in the form
    std::string octets;
    std::int64_t growth;  // of the form up to the end of this header
    std::int64_t lines;   // likewise
  };
  /// The number of changes that end at or before an offset of the original.
  [[nodiscard]] std::size_t before(std::uint64_t offset) const;

  std::vector<Change> changes_;
  std::uint64_t beyond_ascii_ = 0;  // octets above 127 of the headers taken so far
};

}  // namespace angarium::message
