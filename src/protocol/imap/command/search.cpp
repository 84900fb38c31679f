// SEARCH and UID SEARCH (RFC 9051 §6.4.4, RFC 4731, RFC 5182, RFC 7162 §3.1.5).
#include "protocol/imap/searcher.h"

namespace angarium::protocol::imap::command {
namespace {

void append_plain(std::string& out, const NumberSet& numbers, std::uint64_t modseq) {
  out += "* SEARCH";
  numbers.each([&](std::uint32_t number) {
    out += ' ';
    append_number(out, number);
  });
  if (modseq != 0) {
    out += " (MODSEQ ";
    append_number(out, modseq);
    out += ')';
  }
  out += "\r\n";
}

/// What MODSEQ means for the options given (RFC 4731 §3.2).
std::uint64_t modseq_of(const SearchResult& found, std::uint8_t returns) {
  if ((returns & (kReturnAll | kReturnCount)) != 0) return found.modseq_max;
  const bool min = (returns & kReturnMin) != 0;
  const bool max = (returns & kReturnMax) != 0;
  if (min && max) return std::max(found.modseq_first, found.modseq_last);
  return min ? found.modseq_first : found.modseq_last;
}

/// search-correlator, then items (RFC 4466 §2.6.2, RFC 4731 §3.1).
void append_extended(std::string& out, std::string_view tag, Addressing addressing, const SearchProgram& program,
                     std::uint8_t returns, const SearchResult& found) {
  const auto& numbers = addressing == Addressing::uid ? found.uids : found.numbers;
  out += "* ESEARCH (TAG ";
  message::append_imap_string(out, tag, message::ImapForm::ascii);
  out += addressing == Addressing::uid ? ") UID" : ")";
  const bool any = !numbers.empty();
  const auto item = [&](SearchReturn bit, std::string_view name, std::uint64_t value) {
    if ((returns & bit) == 0 || (!any && bit != kReturnCount)) return;
    (out += ' ') += name;
    out += ' ';
    append_number(out, value);
  };
  item(kReturnMin, "MIN", numbers.min());
  item(kReturnMax, "MAX", numbers.max());
  item(kReturnCount, "COUNT", numbers.count());
  if ((returns & kReturnAll) != 0 && any) {
    out += " ALL ";
    numbers.append_to(out);
  }
  if (program.uses_modseq && any) {
    out += " MODSEQ ";
    append_number(out, modseq_of(found, returns));
  }
  out += "\r\n";
}

/// RFC 5182 §2.4: MIN and MAX alone save only what they tell.
NumberSet to_save(const SearchResult& found, std::uint8_t returns) {
  const bool bounds = (returns & (kReturnMin | kReturnMax)) != 0 && (returns & (kReturnAll | kReturnCount)) == 0;
  if (!bounds || found.uids.empty()) return found.uids;
  NumberSet saved;
  if ((returns & kReturnMin) != 0) saved.add(found.uids.min());
  if ((returns & kReturnMax) != 0) saved.add(found.uids.max());
  return saved;
}

}  // namespace

io::Task<Result<Reply>> search(Session& session, Command& command) {
  auto program = CO_TRY(command.parser.search_program());
  CO_TRY(command.parser.end());
  const bool saves = (program.returns & kReturnSave) != 0;
  auto result = co_await find_messages(session, program);
  if (!result) {
    // RFC 5182 §2.1: NO leaves nothing saved, BAD changes nothing.
    if (saves && result.error().fault() != Fault::syntax) session.selected->saved.clear();
    co_return std::unexpected(std::move(result).error());
  }
  if (saves) session.selected->saved = to_save(*result, program.returns);
  auto& out = session.text();
  if (program.extended || session.has(kImap4rev2)) {
    // RFC 5182 §2.1: SAVE alone says nothing. IMAP4rev2 answers a plain SEARCH with ESEARCH (RFC 9051 §6.4.4).
    const auto returns = static_cast<std::uint8_t>(program.extended ? program.returns : kReturnAll);
    if (returns != kReturnSave) append_extended(out, command.tag, command.addressing, program, returns, *result);
  } else {
    const auto& numbers = command.addressing == Addressing::uid ? result->uids : result->numbers;
    append_plain(out, numbers, program.uses_modseq ? result->modseq_max : 0);
  }
  CO_TRY(co_await session.room());
  co_return done("SEARCH completed");
}

}  // namespace angarium::protocol::imap::command
