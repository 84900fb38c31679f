#include "transfer/export.h"

#include <algorithm>

#include "base/text.h"
#include "message/header.h"
#include "protocol/imap/mailbox_name.h"

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

/// Others can be written all the same.
bool concerns_mailbox(const Error& error) { return error.is(kForeign) || error.is(kChanged) || error.is(kNotTaken); }

/// The first that fit a question, at most so many; they are taken out.
mailbox::UidSet next_question(mailbox::UidSet& wanted, std::uint64_t at_once) {
  mailbox::UidSet asked;
  std::uint64_t left = at_once;
  for (const mailbox::UidRange range : wanted.ranges()) {
    // A range takes at most two numbers of five octets.
    if (left == 0 || asked.ranges().size() >= kSetOctets / 10) break;
    const std::uint64_t count = std::min<std::uint64_t>(left, std::uint64_t{range.last} - range.first + 1);
    asked.add({range.first, static_cast<mailbox::Uid>(range.first + count - 1)});
    left -= count;
  }
  wanted = difference(wanted, asked);
  return asked;
}

}  // namespace

void Export::defect(std::string place, std::string words) {
  ++report_.defects_found;
  if (report_.defects.size() < kDefectsMax) report_.defects.push_back({std::move(place), std::move(words)});
}

void Export::tell() {
  if (progress_) progress_(std::min(report_.exported + report_.known, all_), all_);
}

// --- the plan
// ---------------------------------------------------------------------------------------------------------

Result<ExportPlan> Export::plan(const std::string& pattern) {
  ExportPlan plan;
  std::vector<std::string> places;
  for (ListedMailbox& listed : TRY(list(pattern))) {
    PlannedMailbox planned{.mailbox = std::move(listed), .place = {}, .refused = {}};
    planned.place = TRY(target_.place_of(planned.mailbox));
    if (std::ranges::find(places, planned.place) != places.end())
      planned.refused = "another mailbox goes to the same name there, " + planned.place + "; rename one of them";
    else
      TRY(survey(planned));
    places.push_back(planned.place);
    plan.messages += planned.mailbox.messages;
    plan.octets += planned.mailbox.octets;
    plan.known += planned.known;
    plan.mailboxes.push_back(std::move(planned));
  }
  if (plan.mailboxes.empty()) return fail(kPlace, "no mailbox has a name like '" + escape_controls(pattern) + "'");
  return plan;
}

Result<std::vector<ListedMailbox>> Export::list(const std::string& pattern) {
  TRY(link_.send(frame(Kind::list)));
  TRY(link_.flush());
  std::vector<ListedMailbox> mailboxes;
  while (true) {
    const Link::Frame frame = TRY(link_.receive());
    if (frame.kind == Kind::over) return mailboxes;
    ListedMailbox listed = TRY(decode_listed(frame.payload));
    if (protocol::imap::matches_pattern(pattern, listed.name)) mailboxes.push_back(std::move(listed));
  }
}

Result<> Export::survey(PlannedMailbox& planned) {
  const auto box = target_.box(planned.mailbox);
  if (box) {
    const mailbox::UidSet uids = TRY(uids_of(planned.mailbox));
    planned.known = TRY((*box)->present(uids)).count();
    return {};
  }
  if (!concerns_mailbox(box.error())) return std::unexpected(box.error());
  planned.refused = box.error().text();
  return {};
}

// --- the work
// ---------------------------------------------------------------------------------------------------------

ExportReport Export::run(const ExportPlan& plan, const Progress& progress) {
  progress_ = progress;
  all_ = plan.messages;
  if (auto done = run_all(plan); !done) report_.stopped = std::move(done).error();
  return std::move(report_);
}

Result<> Export::run_all(const ExportPlan& plan) {
  TRY(target_.open());
  for (const PlannedMailbox& planned : plan.mailboxes) {
    if (!planned.refused.empty()) {
      defect(planned.mailbox.name, planned.refused);
      continue;
    }
    auto done = export_mailbox(planned.mailbox);
    if (done) continue;
    if (!concerns_mailbox(done.error())) return done;
    defect(planned.mailbox.name, done.error().text());
  }
  return {};
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
  const auto box = TRY(target_.box(listed));
  TRY(box->open());
  const mailbox::UidSet uids = TRY(uids_of(listed));
  mailbox::UidSet wanted = difference(uids, TRY(box->present(uids)));
  report_.known += uids.count() - wanted.count();
  while (!wanted.empty()) {
    const mailbox::UidSet asked = next_question(wanted, box->at_once());
    TRY(box->expect(asked));
    const auto fetched = fetch(*box, listed, asked);
    // Also what was taken before it failed.
    TRY(settle(*box, listed));
    TRY(fetched);
  }
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

Result<> Export::settle(Box& box, const ListedMailbox& listed) {
  const Settled settled = TRY(box.settle());
  report_.exported -= settled.there + settled.refused.size() + settled.unknown;
  report_.known += settled.there;
  for (const auto& [uid, words] : settled.refused) defect(listed.name + ", UID " + std::to_string(uid), words);
  if (settled.stopped) return std::unexpected(*settled.stopped);
  return {};
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
