#include "protocol/imap/rights.h"

namespace angarium::protocol::imap {
namespace {

constexpr Rights kObsoleteCreate = kRightCreate | kRightDelete;
constexpr Rights kObsoleteDelete = kRightDeleteMessages | kRightExpunge;

}  // namespace

std::string rights_text(Rights rights) {
  std::string text;
  for (std::size_t bit = 0; bit < kRightLetters.size(); ++bit)
    if ((rights >> bit & 1) != 0) text += kRightLetters[bit];
  if ((rights & kObsoleteCreate) != 0) text += 'c';
  if ((rights & kObsoleteDelete) != 0) text += 'd';
  return text;
}

std::optional<Rights> rights_of_letters(std::string_view letters) {
  Rights rights = 0;
  for (const char letter : letters) {
    if (letter == 'c') {
      rights |= kObsoleteCreate;
    } else if (letter == 'd') {
      rights |= kObsoleteDelete;
    } else if (const auto bit = kRightLetters.find(letter); bit != std::string_view::npos) {
      rights |= static_cast<Rights>(1U << bit);
    } else {
      return std::nullopt;
    }
  }
  return rights;
}

}  // namespace angarium::protocol::imap
