// Builds FETCH responses (RFC 9051 §7.5.2) straight into the connection's buffer; large bodies are lent, not copied.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "protocol/imap/session.h"

namespace angarium::protocol::imap {

/// One FETCH at work. Goes on from its cursor whenever the client has taken enough; holds no store snapshot.
class Fetcher {
 public:
  Fetcher(Session& session, FetchProgram program, Addressing addressing);

  /// Writes the responses for all messages of the set. kExpungeIssued when the content of some was gone; the others
  /// are told. kUnknownCte when parts could not be decoded, the store's error (kCorruption, …) when some could not be
  /// read; only those items are left out.
  io::Task<Result<void>> run(Selected::Resolved resolved);
  /// The response code for the tagged OK: which messages were shown with other headers (RFC 6858 §3); mostly empty.
  [[nodiscard]] std::string code() const { return downgraded_.empty() ? "" : "DOWNGRADED " + downgraded_.text(); }

 private:
  io::Task<Result<void>> mark_seen(std::span<const Target> batch);
  /// Whether the message can be read as far as the first piece: what can't is not \Seen.
  io::Task<bool> readable(const Entry& entry);
  /// Of an item that could not be told: the log has it, and the tagged reply says so.
  void failed(Error error);
  io::Task<Result<void>> tell_batch(std::span<const Target> batch);
  void open(const Target& target);
  void append_texts(const MessageTexts& texts);
  void item(std::string_view name);

  io::Task<Result<void>> tell_sections(const Target& target);
  io::Task<Result<void>> tell_section(const Target& target, const SectionItem& item);
  io::Task<Result<void>> tell_range(const Entry& entry, std::string_view label, message::Range range);
  io::Task<Result<void>> tell_fields(const Entry& entry, const SectionItem& item, message::Range header,
                                     std::string_view label);
  io::Task<Result<void>> tell_binary(const Entry& entry, const SectionItem& item, const message::Part& part,
                                     message::Range range, std::string_view label);
  io::Task<Result<const message::Structure*>> structure(const Entry& entry);
  void note_downgraded(const Entry& entry);
  void tell_nothing(std::string_view label);
  void tell_text(std::string_view label, std::string_view text, bool binary);

  Session& session_;
  message::ImapForm form_;  ///< what the client may get; ENABLE does not come in between
  FetchProgram program_;
  std::uint32_t texts_wanted_;
  bool sets_seen_ = false;
  bool gone_ = false;              ///< some content was no longer there
  bool unknown_encoding_ = false;  ///< some part could not be decoded
  std::optional<Error> failure_;   ///< why some content could not be read, the first time
  NumberSet downgraded_;           ///< UIDs
  NumberSet just_seen_;            ///< of the batch: FLAGS are told unasked
  std::shared_ptr<const message::Structure> structure_;
  std::uint32_t structure_of_ = 0;  ///< UID
  bool first_item_ = true;
};

}  // namespace angarium::protocol::imap
