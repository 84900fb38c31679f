// The field layer of a message (RFC 5322 §2.2, RFC 6532 §3): header fields of octets that stay where they are,
// unfolding, and the writer of folded fields. Reads mail with CRLF and with bare LF. Knows nothing of what a field
// means.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace angarium::message {

/// One header field as it stands in the message: views into the message's octets, which must outlive it.
struct Field {
  std::string_view
      name;  ///< as written, without blanks before the colon (RFC 5322 §4.5); empty when the line is no field
  std::string_view
      value;  ///< after the colon, folds inside, without the last line end; the whole line when it is no field
  std::string_view whole;  ///< name, colon, value and the last line end

  /// A line that is no field (no colon, or a name with octets no name may have) is given too, so that nothing is lost.
  [[nodiscard]] bool well_formed() const { return !name.empty(); }
  /// The name without regard to ASCII case (RFC 5322 §1.2.2).
  [[nodiscard]] bool is(std::string_view other) const;
};

/// Walks over the header fields at the start of a message, or of any octets that begin with a header. The header ends
/// at the first empty line or at the end of the octets, and nowhere else (RFC 5322 §2.1). Never fails, never copies,
/// linear in the header; each octet is looked at about once.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view octets) : octets_(octets) {}

  /// The next field, or nothing when the header has ended.
  std::optional<Field> next();
  /// Where the next field begins; after the last one, where the empty line begins or the octets end.
  [[nodiscard]] std::size_t position() const { return position_; }

 private:
  std::string_view octets_;
  std::size_t position_ = 0;
};

/// The header of a message as a range: `for (const Field& field : Header(message))`. A view; nothing is stored.
class Header {
 public:
  class Iterator {
   public:
    using value_type = Field;
    using difference_type = std::ptrdiff_t;
    explicit Iterator(std::string_view octets) : reader_(octets) { ++*this; }
    const Field& operator*() const { return *field_; }
    const Field* operator->() const { return &*field_; }
    Iterator& operator++() {
      field_ = reader_.next();
      return *this;
    }
    void operator++(int) { ++*this; }
    bool operator==(std::default_sentinel_t) const { return !field_; }

   private:
    HeaderReader reader_;
    std::optional<Field> field_;
  };

  explicit Header(std::string_view octets) : octets_(octets) {}

  [[nodiscard]] Iterator begin() const { return Iterator(octets_); }
  [[nodiscard]] std::default_sentinel_t end() const { return {}; }

  /// The first (topmost) field of that name, without regard to case. Walks; linear in the header.
  [[nodiscard]] std::optional<Field> find(std::string_view name) const;
  /// The last field of that name.
  [[nodiscard]] std::optional<Field> find_last(std::string_view name) const;
  [[nodiscard]] std::size_t count(std::string_view name) const;

 private:
  std::string_view octets_;
};

/// Where a message's header ends and its body begins.
struct HeaderExtent {
  std::size_t header_size;  ///< octets of the fields, without the empty line
  std::size_t body_offset;  ///< just after the empty line; the message's size when there is none
};
/// Faster than walking over the fields: looks for the empty line only.
HeaderExtent header_extent(std::string_view message);

/// Whether it may be written as a field name: printable ASCII but the colon (RFC 5322 §3.6.8), 1-kFieldNameMax octets.
bool valid_field_name(std::string_view name);
/// So that "Name:" leaves room in a line of kLineMax octets.
inline constexpr std::size_t kFieldNameMax = 900;

/// The value with every line end that stands before a blank removed (RFC 5322 §2.2.3) and nothing else changed.
std::string unfold(std::string_view value);
/// The same without blanks at both ends; looks into `value` when it has no fold, else into `scratch`.
std::string_view unfolded(std::string_view value, std::string& scratch);

/// Lines of a header we write: not above 78 octets where a blank allows it (RFC 5322 §2.1.1) …
inline constexpr std::size_t kLineGood = 78;
/// … and never above this, without the line end (RFC 5322 §2.1.1, RFC 5321 §4.5.3.1.6).
inline constexpr std::size_t kLineMax = 998;

/// A name that valid_field_name() refuses was to be written.
inline constexpr ErrorKind kBadFieldName{"message.bad-field-name", Fault::user, Lasting::permanent};

/// Appends "Name: value CRLF", folded before blanks of the value so that lines keep within kLineGood where possible. No
/// value breaks the header: folds in it are undone first, other CR, LF and NUL become blanks, no line of blanks alone
/// is made (more than 400 blanks in a row become one), and a run without a blank that would pass kLineMax is broken
/// there, between two characters.
Result<> append_field(std::string& out, std::string_view name, std::string_view value);

}  // namespace angarium::message
