// ESEARCH: what SEARCH and SORT with RETURN tell and save (RFC 4731, RFC 5182,
// RFC 5267 §3, RFC 9394, RFC 6203 §4).
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "protocol/imap/searcher.h"
#include "protocol/imap/sorter.h"

namespace angarium::protocol::imap {

/// What was found, as the RETURN options want it: told by numbers or UIDs in
/// the requested order.
struct Answer {
  std::uint64_t count = 0;
  std::uint32_t first = 0;  ///< MIN; 0: nothing was found
  std::uint32_t last = 0;   ///< MAX
  std::string all;          ///< sequence-set, when it is asked for
  std::string partial;      ///< sequence-set; empty: no result is in the range
  std::string scores;       ///< of PARTIAL's messages or else of all, "(4 99 42)", when they are asked for (RFC 6203)
  NumberSet uids;           ///< of what MIN, MAX and PARTIAL tell
};
/// In mailbox order.
Answer answer_of(const SearchResult& found, Addressing addressing, std::uint8_t returns, const ResultRange& partial);
/// In the order of SORT.
Answer answer_of(std::span<const Sorted> order, Addressing addressing, std::uint8_t returns,
                 const ResultRange& partial);

/// A sequence-set that keeps the order: ranges only where numbers follow one another (RFC 5267 §3.2).
std::string ordered_set(std::span<const Sorted> order, std::uint32_t Sorted::* number);

/// What an ESEARCH response begins with: the command it belongs to, and the mailbox where more than one was searched.
struct Correlator {
  std::string tag;
  Addressing addressing = Addressing::sequence;
  std::string mailbox{};  ///< as it is written on the line; empty: not told
  std::uint32_t uid_validity = 0;
  /// "* ESEARCH (TAG "x" …) UID"
  void append_to(std::string& out) const;
};

/// Whether a command that stands behind its name asks to save, even if the rest of it can't be read.
bool asks_to_save(Parser parser);
/// The error of a command that was refused: RFC 5182 §2.1: NO leaves nothing saved, BAD changes nothing.
enum class Saving : bool { no, yes };
std::unexpected<Error> refused(Session& session, Saving saving, Error error);

/// "* ESEARCH …"; nothing where SAVE is all that was asked for.
void tell_answer(Session& session, const Selected& selected, const Correlator& correlator, const SearchProgram& program,
                 std::uint8_t returns, const SearchResult& found, const Answer& answer);
/// What "$" stands for then (RFC 5182 §2.4, RFC 9394 §3.2).
NumberSet to_save(const SearchResult& found, const Answer& answer, std::uint8_t returns);

}  // namespace angarium::protocol::imap
