#include "transfer/export.h"

#include <algorithm>

#include "base/text.h"
#include "message/header.h"
#include "protocol/imap/mailbox_name.h"
#include "transfer/out_file.h"

namespace angarium::transfer {
namespace {

/// Octets of a set of UIDs in one question.
constexpr std::size_t kSetOctets = 32u << 10;

/// The reverse-path of a message that begins so.
std::string sender_of(std::string_view beginning) {
  const auto field = message::Header(beginning).find("Return-Path");
  if (!field) return "";
  std::string_view value = trim(field->value);
  if (value.starts_with('<') && value.ends_with('>')) value = value.substr(1, value.size() - 2);
  return std::string(value);
}

/// Sets that fit a question each.
std::vector<mailbox::UidSet> questions(const mailbox::UidSet& wanted) {
  std::vector<mailbox::UidSet> all;
  for (const mailbox::UidRange range : wanted.ranges()) {
    // A range takes at most two numbers of five octets.
    if (all.empty() || all.back().ranges().size() >= kSetOctets / 10) all.emplace_back();
    all.back().add(range);
  }
  return all;
}

}  // namespace

void Export::defect(std::string place, std::string words) {
  ++report_.defects_found;
  if (report_.defects.size() < kDefectsMax) report_.defects.push_back({std::move(place), std::move(words)});
}

void Export::tell() {
  if (progress_) progress_(std::min(report_.exported + report_.known, all_), all_);
}

ExportReport Export::run(const Progress& progress) {
  progress_ = progress;
  if (auto done = run_all(); !done) report_.stopped = std::move(done).error();
  return std::move(report_);
}

Result<> Export::run_all() {
  TRY(make_folders(terms_.directory));
  const std::vector<ListedMailbox> mailboxes = TRY(list());
  if (mailboxes.empty()) return fail(kPlace, "no mailbox has a name like '" + escape_controls(terms_.pattern) + "'");
  for (const ListedMailbox& listed : mailboxes) all_ += listed.messages;
  for (const ListedMailbox& listed : mailboxes) {
    auto done = export_mailbox(listed);
    if (done) continue;
    if (!done.error().is(kForeign) && !done.error().is(kChanged)) return done;
    defect(listed.name, done.error().text());
  }
  return {};
}

Result<std::vector<ListedMailbox>> Export::list() {
  TRY(link_.send(frame(Kind::list)));
  TRY(link_.flush());
  std::vector<ListedMailbox> mailboxes;
  std::vector<std::string> paths;
  while (true) {
    const Link::Frame frame = TRY(link_.receive());
    if (frame.kind == Kind::over) return mailboxes;
    ListedMailbox listed = TRY(decode_listed(frame.payload));
    if (!protocol::imap::matches_pattern(terms_.pattern, listed.name)) continue;
    std::string path = box_path(terms_.format, listed.name);
    if (std::ranges::find(paths, path) != paths.end()) {
      defect(listed.name, "another mailbox goes to the same name there, " + path + "; rename one of them");
      continue;
    }
    paths.push_back(std::move(path));
    mailboxes.push_back(std::move(listed));
  }
}

Result<mailbox::UidSet> Export::uids_of(const ListedMailbox& listed) {
  TRY(link_.send(encode_numbers(Kind::uids, listed.id)));
  TRY(link_.flush());
  std::string set;
  while (true) {
    const Link::Frame frame = TRY(link_.receive());
    if (frame.kind == Kind::over) return mailbox::UidSet::decode(set);
    set += frame.payload;
  }
}

Result<> Export::export_mailbox(const ListedMailbox& listed) {
  const auto box =
      TRY(open_box(terms_.format, {.directory = terms_.directory, .account = terms_.account, .mailbox = listed}));
  const mailbox::UidSet uids = TRY(uids_of(listed));
  const mailbox::UidSet wanted = difference(uids, box->present());
  report_.known += uids.count() - wanted.count();
  for (const mailbox::UidSet& some : questions(wanted)) TRY(fetch(*box, listed, some));
  TRY(box->finish());
  ++report_.mailboxes;
  tell();
  return {};
}

Result<> Export::fetch(Box& box, const ListedMailbox& listed, const mailbox::UidSet& wanted) {
  std::string set;
  wanted.encode(set);
  TRY(link_.send(encode_numbers(Kind::fetch, listed.id, set)));
  TRY(link_.flush());
  Result<> outcome;
  while (true) {
    const Link::Frame frame = TRY(link_.receive());
    if (frame.kind == Kind::over) return outcome;
    // What comes after a failure is heard to its end, so that the next mailbox can be asked for.
    if (outcome) outcome = take(box, listed, frame);
  }
}

Result<> Export::take(Box& box, const ListedMailbox& listed, const Link::Frame& frame) {
  switch (frame.kind) {
    case Kind::header:
      header_ = TRY(decode_header(frame.payload));
      begun_ = false;
      return {};
    case Kind::piece:
    case Kind::whole:
      if (!header_) return fail(kTalkEnded, "the server said what makes no sense");
      if (!begun_) TRY(box.begin(*header_, sender_of(frame.kind == Kind::piece ? frame.payload : "")));
      begun_ = true;
      report_.octets += frame.payload.size();
      if (frame.kind == Kind::piece) return box.write(frame.payload);
      header_.reset();
      TRY(box.end());
      ++report_.exported;
      tell();
      return {};
    case Kind::note: {
      const Note note = TRY(decode_note(frame.payload));
      if (header_ && begun_) TRY(box.abandon());
      header_.reset();
      TRY(box.miss(static_cast<mailbox::Uid>(note.number)));
      defect(listed.name + ", UID " + std::to_string(note.number), note.words);
      return {};
    }
    default: return fail(kTalkEnded, "the server said what makes no sense");
  }
}

}  // namespace angarium::transfer
