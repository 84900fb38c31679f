// What one SEARCH may still have: inside of the grammar's files.
#pragma once

#include "protocol/imap/limits.h"
#include "protocol/imap/parser.h"

namespace angarium::protocol::imap {

struct Parser::SearchBudget {
  std::size_t keys = kSearchKeysMax;
  std::size_t texts = kSearchTextKeysMax;
  int passes = kFilterPassesMax;
  enum class Filters : std::uint8_t { looked_up, only_named };
  Filters filters = Filters::looked_up;
  bool modseq = false;
  bool filter = false;
  bool fuzzy = false;         ///< a FUZZY key was read (RFC 6203)
  bool inside_fuzzy = false;  ///< what is read is the argument of one

  Result<void> take_text() {
    if (texts-- == 0) return fail(kLimit, "Too many text keys in one SEARCH");
    return {};
  }
};

}  // namespace angarium::protocol::imap
