// ENABLE (RFC 9051 §6.3.1, RFC 5161).
#include "base/text.h"
#include "protocol/imap/contexts.h"
#include "protocol/imap/session.h"

namespace angarium::protocol::imap::command {

io::Task<Result<Reply>> enable(Session& session, Command& command) {
  struct Row {
    std::string_view name;
    std::uint8_t bits;
  };
  // QRESYNC brings CONDSTORE with it (RFC 7162 §3.2.3).
  static constexpr Row kRows[] = {{"CONDSTORE", kCondstore},     {"QRESYNC", kQresync | kCondstore},
                                  {"UTF8=ACCEPT", kUtf8Accept},  {"IMAP4REV2", kImap4rev2},
                                  {"UIDONLY", kUidOnly},         {"METADATA", kMetadata},
                                  {"METADATA-SERVER", kMetadata}};
  auto& parser = command.parser;
  std::vector<std::string> asked;
  do {
    // capability = ("AUTH=" auth-type) / atom (RFC 9051 §9)
    asked.push_back(to_upper(CO_TRY(parser.atom())));
  } while (parser.present(' '));
  CO_TRY(parser.end());
  std::uint8_t fresh = 0;
  std::string told = "* ENABLED";
  for (const auto& name : asked) {
    for (const auto& row : kRows) {
      // Only what is newly enabled is told; unknown ones are ignored (RFC 5161 §3.1).
      const auto own = static_cast<std::uint8_t>(row.bits & ~(row.bits == (kQresync | kCondstore) ? kCondstore : 0));
      if (name != row.name || ((session.enabled | fresh) & own) != 0) continue;
      told += ' ';
      told += row.name == "IMAP4REV2" ? "IMAP4rev2" : row.name;
      fresh |= own;
    }
  }
  session.text() += told + "\r\n";
  if ((fresh & (kCondstore | kQresync)) != 0) session.enable_condstore();
  if ((fresh & kMetadata) != 0 && session.annotations == nullptr)
    session.annotations = session.account->watch_annotations(session.wake);
  session.enabled |= fresh;
  // RFC 9586 §3: no response has message numbers from here on, nor have those of searches that are kept up to date.
  if ((fresh & kUidOnly) != 0 && session.selected != nullptr && session.selected->contexts != nullptr)
    session.selected->contexts->use_uids();
  co_return done("ENABLE completed");
}

}  // namespace angarium::protocol::imap::command
