// The texts of a message that searching looks in (RFC 9051 §6.4.4): one walk for who searches and who indexes, so that
// both find the same.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "message/collation.h"
#include "message/header.h"
#include "message/structure.h"

namespace angarium::message {

enum class TextPlace : std::uint8_t {
  body,     ///< text of a part, or a report about mail (message/delivery-status); and the header of an enclosed message
  header,   ///< a field of the message's header that is none of the next five
  subject,  ///< Subject
  from,     ///< From
  to,       ///< To
  cc,       ///< Cc
  bcc,      ///< Bcc
  mime,     ///< a field of a part's header, and the name of an attachment: for TEXT alone, not for BODY
};
inline constexpr std::size_t kTextPlaces = 8;

/// A set of places.
using TextPlaces = std::uint32_t;
constexpr TextPlaces place_bit(TextPlace place) { return TextPlaces{1} << static_cast<unsigned>(place); }
inline constexpr TextPlaces kHeaderPlaces = place_bit(TextPlace::header) | place_bit(TextPlace::subject) |
                                            place_bit(TextPlace::from) | place_bit(TextPlace::to) |
                                            place_bit(TextPlace::cc) | place_bit(TextPlace::bcc);
inline constexpr TextPlaces kEveryPlace = (TextPlaces{1} << kTextPlaces) - 1;

/// Who walks. True from a call: that was enough.
class TextVisitor {
 public:
  virtual ~TextVisitor() = default;
  /// The value is as it stands: decode_text() has its text.
  virtual bool field(TextPlace place, const Field& field) = 0;
  /// In UTF-8: of a part without its transfer coding (of HTML what html_to_text() leaves of it), or a file name.
  /// Partial: it was ended near `max` octets.
  enum class Extent : std::uint8_t { whole, partial };
  virtual bool text(TextPlace place, std::string_view utf8, Extent extent) = 0;
};

/// Visits what stands in the wanted places. `octets` begin at the message's first octet and hold at least its header;
/// what lies behind that takes the structure (which then says where the header ends), and all octets. Texts of parts
/// end near `max` octets each. True: the visitor had enough.
bool visit_texts(std::string_view octets, const Structure* structure, TextPlaces wanted, TextVisitor& visitor,
                 std::size_t max = std::numeric_limits<std::size_t>::max());

/// How many of a message's octets visit_texts() looks at, so that what is attached behind them need not be read.
/// `octets`: the first ones; when it says more than these, it may say more again with so many.
std::uint64_t texts_end(std::string_view octets, const Structure& structure);

/// The place of the header fields of this name.
TextPlace place_of_field(std::string_view name);

/// What is looked for, prepared once for many messages: in which places stands a text, by a collation (whatever its
/// case)? Where bodies are among the places, fields are looked at as "Name: value", as who reads them sees them; else
/// by their values.
class TextSearch {
 public:
  /// `name`: only in fields of that name.
  TextSearch(TextPlaces places, std::string_view utf8, std::string_view name = {},
             Collation collation = Collation::unicode_casemap);
  /// As visit_texts(). An empty text is found in any text there is (RFC 9051 §6.4.4: HEADER). From any thread.
  [[nodiscard]] bool found_in(std::string_view octets, const Structure* structure) const;
  [[nodiscard]] TextPlaces places() const { return places_; }

 private:
  class Look;
  TextPlaces places_;
  std::string name_;
  Collation collation_;
  std::string folded_;
  bool direct_ = false;  ///< in a text of ASCII it can be found as that stands
};

}  // namespace angarium::message
