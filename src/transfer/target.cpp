#include "transfer/target.h"

#include <algorithm>

#include "base/text.h"
#include "protocol/imap/mailbox_name.h"
#include "transfer/fingerprint.h"
#include "transfer/out_file.h"
#include "transfer/source.h"

namespace angarium::transfer {
namespace {

/// A level as a name of a folder: never hidden, never one of Maildir's own.
std::string folder_name(std::string_view level) {
  std::string name(level);
  if (name.starts_with('.') || name == "cur" || name == "new" || name == "tmp") name.insert(0, "_");
  return name;
}

/// A level between the dots of Maildir++.
std::string dotted_name(std::string_view level) {
  std::string name = protocol::imap::to_modified_utf7(level);
  std::ranges::replace(name, '.', '_');
  return name;
}

}  // namespace

std::string box_path(Format format, std::string_view mailbox) {
  if (format == Format::maildir_plus_plus && mailbox == mailbox::kInbox) return "";
  std::string path = format == Format::maildir_plus_plus ? "." : "";
  for (std::string_view rest = mailbox; !rest.empty();) {
    const std::string_view level = take_until(rest, mailbox::kSeparator);
    switch (format) {
      case Format::mbox: path += folder_name(level) + (rest.empty() ? ".mbox" : ".sbd/"); break;
      case Format::maildir: path += folder_name(level) + (rest.empty() ? "" : "/"); break;
      case Format::maildir_plus_plus: path += dotted_name(level) + (rest.empty() ? "" : "."); break;
    }
  }
  return path;
}

Result<std::string> LocalTarget::place_of(const ListedMailbox& mailbox) {
  return box_path(terms_.format, mailbox.name);
}

Result<std::unique_ptr<Box>> LocalTarget::box(const ListedMailbox& mailbox) {
  const BoxOwner owner{.directory = terms_.directory, .account = terms_.account, .mailbox = mailbox};
  const std::string below = box_path(terms_.format, mailbox.name);
  const std::string path = below.empty() ? terms_.directory : terms_.directory + "/" + below;
  if (terms_.format != Format::mbox) return look_at_maildir(terms_.format, owner, path);
  return look_at_mbox(owner, path, terms_.variant);
}

Result<> LocalTarget::open() { return make_folders(terms_.directory); }

message::BoxFlags box_flags_of(const mailbox::FlagNames& flags) {
  message::BoxFlags box = message::kBoxOld;
  if ((flags.system & mailbox::kSeen) != 0) box |= message::kBoxSeen;
  if ((flags.system & mailbox::kAnswered) != 0) box |= message::kBoxAnswered;
  if ((flags.system & mailbox::kFlagged) != 0) box |= message::kBoxFlagged;
  if ((flags.system & mailbox::kDraft) != 0) box |= message::kBoxDraft;
  if ((flags.system & mailbox::kDeleted) != 0) box |= message::kBoxDeleted;
  if (std::ranges::any_of(flags.keywords, [](const auto& k) { return equals_ignore_case(k, "$Forwarded"); }))
    box |= message::kBoxPassed;
  return box;
}

std::string tag_of(const BoxOwner& owner) {
  Fingerprinter digest;
  digest.add_text(owner.account);
  digest.add_text(std::to_string(owner.mailbox.id));
  digest.add_text(std::to_string(owner.mailbox.uid_validity));
  return to_hex(octets(digest.finish()).substr(0, 8));
}

}  // namespace angarium::transfer
