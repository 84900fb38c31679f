// Ready FETCH texts of stored emails, gathered for one answer.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "mailbox/email.h"
#include "message/imap_text.h"
#include "message/structure.h"
#include "protocol/imap/backend.h"

namespace angarium::agent {

/// The structure of an email with offsets in the octets a reader gets: the prepended trace fields belong to the header.
/// Nothing when the stored one does not decode.
std::optional<message::Structure> message_structure(const mailbox::EmailView& email);

/// Copies the wanted texts of many emails into one buffer: views of records last for a call only.
class TextCollector {
 public:
  TextCollector(std::size_t messages, std::uint32_t wanted, message::ImapForm form);

  void add(std::size_t index, const mailbox::EmailView& email);
  /// Those added whose texts were too large to be stored.
  [[nodiscard]] const std::vector<std::size_t>& unready() const { return unready_; }
  /// Those added whose references were not stored.
  [[nodiscard]] const std::vector<std::size_t>& unreferred() const { return unreferred_; }
  /// Makes the references from the email's header.
  void refer(std::size_t index, std::string_view header);
  /// Those added whose preview was not stored, where it is to be made.
  [[nodiscard]] const std::vector<std::size_t>& unpreviewed() const { return unpreviewed_; }
  /// Makes the preview from the email's first octets.
  void show(std::size_t index, const mailbox::EmailView& email, std::string_view octets);
  /// Makes the texts from the email's octets; false when its stored structure is damaged.
  bool make(std::size_t index, const mailbox::EmailView& email, std::string_view octets);
  /// The email can't be read: its texts stay empty and are told as damaged.
  void lose(std::size_t index);
  /// The email went after it was added.
  void forget(std::size_t index) { rows_[index].present = false; }
  /// What was never added is missing. The collector is used up.
  protocol::imap::TextBatch finish();

 private:
  struct Place {
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  struct Row {
    Place envelope;
    Place body;
    Place body_structure;
    Place email_id;
    Place thread_id;
    Place references;
    std::optional<Place> preview;
    bool present = false;
  };
  Place keep(std::string_view text);

  std::uint32_t wanted_;
  message::ImapForm form_;
  std::vector<Row> rows_;
  std::vector<std::size_t> unready_;
  std::vector<std::size_t> unreferred_;
  std::vector<std::size_t> unpreviewed_;
  std::vector<char> damaged_;  ///< empty: none is
  std::string buffer_;
};

}  // namespace angarium::agent
