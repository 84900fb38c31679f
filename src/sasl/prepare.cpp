#include "sasl/prepare.h"

#include <unicode/usprep.h>
#include <unicode/ustring.h>

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace angarium::sasl {
namespace {

/// Opened once, read-only afterwards, never closed.
const UStringPrepProfile* profile() {
  static const UStringPrepProfile* const opened = [] {
    UErrorCode status = U_ZERO_ERROR;
    const UStringPrepProfile* result = usprep_openByType(USPREP_RFC4013_SASLPREP, &status);
    return U_SUCCESS(status) ? result : nullptr;
  }();
  return opened;
}

/// UTF-16 working memory that held a password.
struct Wide {
  explicit Wide(std::size_t units) : units(units) {}
  ~Wide() {
    volatile char16_t* p = units.data();
    for (std::size_t i = 0; i < units.size(); ++i) p[i] = 0;
  }
  Wide(const Wide&) = delete;
  Wide& operator=(const Wide&) = delete;
  [[nodiscard]] std::int32_t capacity() const { return static_cast<std::int32_t>(units.size()); }
  std::vector<char16_t> units;
};

bool printable_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return is_ascii(c) && !is_control(c); });
}

}  // namespace

Result<std::string> prepare(std::string_view text, std::size_t octets_max) {
  if (text.empty()) return fail(kMalformed, "an empty name or password");
  if (text.size() > octets_max) return fail(kTooLong, "a name or password is too long");
  if (printable_ascii(text)) return std::string(text);
  if (!valid_utf8(text)) return fail(kMalformed, "a name or password is not UTF-8");
  if (profile() == nullptr) return fail(kBroken, "the Unicode library has no SASLprep tables");

  UErrorCode status = U_ZERO_ERROR;
  Wide wide(text.size());
  std::int32_t length = 0;
  u_strFromUTF8(wide.units.data(), wide.capacity(), &length, text.data(), static_cast<std::int32_t>(text.size()),
                &status);
  // NFKC makes at most 18 code points of one (U+FDFA); what grows past the limit is refused by the library for want of
  // room.
  Wide prepared(octets_max + 1);
  const std::int32_t prepared_length = usprep_prepare(profile(), wide.units.data(), length, prepared.units.data(),
                                                      prepared.capacity(), USPREP_ALLOW_UNASSIGNED, nullptr, &status);
  if (status == U_BUFFER_OVERFLOW_ERROR) return fail(kTooLong, "a name or password is too long once prepared");
  if (U_FAILURE(status)) return fail(kMalformed, "a name or password holds a code point that SASLprep prohibits");

  std::string result(octets_max, '\0');
  std::int32_t octets = 0;
  u_strToUTF8(result.data(), static_cast<std::int32_t>(result.size()), &octets, prepared.units.data(), prepared_length,
              &status);
  if (U_FAILURE(status)) {
    wipe(result);
    return fail(kTooLong, "a name or password is too long once prepared");
  }
  result.resize(static_cast<std::size_t>(octets));
  if (result.empty()) return fail(kMalformed, "a name or password is empty once prepared");
  return result;
}

}  // namespace angarium::sasl
