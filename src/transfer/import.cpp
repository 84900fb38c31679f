#include "transfer/import.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "mailbox/flags.h"
#include "transfer/name.h"

namespace angarium::transfer {
namespace {

/// Messages between two looks at what the server says.
constexpr std::uint64_t kHearEvery = 32;
/// Times that a folder is read which other programs write anew meanwhile.
constexpr int kReadingsMax = 3;

/// The other folders can come all the same.
bool concerns_folder(const Error& error) { return error.is(kPlace) || error.is(kChanged) || error.is(kRewritten); }

/// What IMAP knows of flags that a mailbox file has.
mailbox::FlagNames flags_of(const Message& message) {
  struct Pair {
    message::BoxFlags box;
    mailbox::SystemFlags system;
  };
  constexpr std::array<Pair, 5> kPairs = {{{message::kBoxSeen, mailbox::kSeen},
                                           {message::kBoxAnswered, mailbox::kAnswered},
                                           {message::kBoxFlagged, mailbox::kFlagged},
                                           {message::kBoxDraft, mailbox::kDraft},
                                           {message::kBoxDeleted, mailbox::kDeleted}}};
  mailbox::FlagNames flags;
  for (const Pair& pair : kPairs)
    if ((message.flags & pair.box) != 0) flags.system |= pair.system;
  if ((message.flags & message::kBoxPassed) != 0) flags.keywords.emplace_back("$Forwarded");
  for (const std::string& keyword : message.keywords)
    if (mailbox::valid_keyword(keyword)) flags.keywords.push_back(keyword);
  return flags;
}

/// Names one folder of one source on its way to one mailbox.
Fingerprint seed_of(const Folder& folder, std::string_view target) {
  Fingerprinter digest;
  digest.add_text(folder.path);
  digest.add_text(target);
  return digest.finish();
}

}  // namespace

void Import::defect(std::string place, std::string words) {
  ++report_.defects_found;
  if (report_.defects.size() < kDefectsMax) report_.defects.push_back({std::move(place), std::move(words)});
}

// --- the plan
// ---------------------------------------------------------------------------------------------------------

Result<Plan> Import::plan(const std::string& into) {
  Found found = TRY(source_.find());
  Plan plan;
  const bool single = source_.single(found);
  plan.passed_over = std::move(found.passed_over);
  plan.left_out = std::move(found.left_out);
  for (Folder& folder : found.folders) {
    // A file by itself goes into the mailbox that was asked for, not below it.
    const std::string name = single && !into.empty() ? below(into, mailbox::kInbox) : below(into, folder.name);
    if (into.empty() && !folder.use) folder.use = use_of(folder.name);
    plan.folders.push_back(TRY(plan_folder(folder, name, into.empty() ? *folder.use : mailbox::SpecialUse::none)));
    const PlannedFolder& planned = plan.folders.back();
    plan.messages += planned.messages;
    plan.octets += planned.octets;
    plan.known += planned.known;
  }
  return plan;
}

Result<PlannedFolder> Import::plan_folder(const Folder& folder, const std::string& name, mailbox::SpecialUse use) {
  PlannedFolder planned{.folder = folder, .use = use};
  const MailboxPlace place = TRY(ask_place({.handle = 0, .make = Make::no, .use = planned.use, .name = name}));
  planned.target = place.name;
  planned.exists = place.exists;
  planned.refused = place.refused;
  planned.seed = seed_of(folder, place.name);
  auto surveyed = survey(planned);
  for (int reading = 1; !surveyed && surveyed.error().is(kRewritten) && reading < kReadingsMax; ++reading)
    surveyed = survey(planned);
  if (surveyed) return planned;
  if (!concerns_folder(surveyed.error())) return std::unexpected(std::move(surveyed).error());
  planned.refused = surveyed.error().text();
  return planned;
}

/// Tells the reader what its messages have to be known by.
Result<std::unique_ptr<Reader>> Import::open(const Folder& folder, const Fingerprint& seed, bool& renumbered) {
  auto reader = TRY(source_.open(folder, seed));
  renumbered = false;
  const auto epoch = reader->epoch();
  if (!epoch) return reader;
  const std::string known = TRY(ask_known({epoch->begun, epoch->current}));
  renumbered = known[0] != 0 && known[1] == 0;
  if (renumbered) reader->name_by_octets();
  return reader;
}

Result<> Import::survey(PlannedFolder& planned) {
  const auto reader = TRY(open(planned.folder, planned.seed, planned.renumbered));
  planned.messages = planned.octets = planned.known = 0;
  planned.is_known.clear();
  std::vector<Fingerprint> asked;
  const auto ask = [&]() -> Result<> {
    const std::string answer = TRY(ask_known(asked));
    for (const char known : answer) {
      planned.known += known != 0 ? 1 : 0;
      planned.is_known.push_back(known != 0);
    }
    asked.clear();
    return {};
  };
  auto announced = reader->announce(kKnownMax);
  if (!announced.empty()) return survey_announced(*reader, std::move(announced), planned);
  while (TRY(reader->next())) {
    while (!TRY(reader->read()).empty()) {
    }
    ++planned.messages;
    planned.octets += reader->message().octets;
    asked.push_back(reader->message().fingerprint);
    if (asked.size() == kKnownMax) TRY(ask());
  }
  return ask();
}

Result<> Import::survey_announced(Reader& reader, std::vector<Announced> announced, PlannedFolder& planned) {
  for (; !announced.empty(); announced = reader.announce(kKnownMax)) {
    const std::string known = TRY(ask_known(announced));
    planned.known += static_cast<std::uint64_t>(std::ranges::count_if(known, [](char one) { return one != 0; }));
    planned.messages += announced.size();
    for (const Announced& one : announced) planned.octets += one.octets;
  }
  return {};
}

// --- what is said
// -----------------------------------------------------------------------------------------------------

Result<> Import::heed(const Link::Frame& frame) {
  if (frame.kind == Kind::note) {
    const Note note = TRY(decode_note(frame.payload));
    const auto at = std::ranges::find(on_the_way_, note.number, [](const auto& one) { return one.first; });
    defect(at == on_the_way_.end() ? "a message" : at->second, note.words);
    return {};
  }
  if (frame.kind != Kind::durable && frame.kind != Kind::committed)
    return fail(kTalkEnded, "the server said what makes no sense");
  report_.counts = TRY(decode_counts(frame.payload));
  // Messages are settled in their order, but for refused ones, which may be earlier: some places stay a little longer.
  while (on_the_way_.size() > sent_ - report_.counts.settled) on_the_way_.pop_front();
  tell();
  return {};
}

Result<Link::Frame> Import::await_answer(Kind kind) {
  TRY(link_.flush());
  while (true) {
    Link::Frame frame = TRY(link_.receive());
    if (frame.kind == kind) return frame;
    TRY(heed(frame));
  }
}

Result<> Import::hear() {
  while (const auto frame = TRY(link_.poll())) TRY(heed(*frame));
  return {};
}

Result<std::string> Import::ask_known(const std::vector<Announced>& announced) {
  std::vector<Fingerprint> asked;
  for (const Announced& one : announced) asked.push_back(one.fingerprint);
  return ask_known(asked);
}

Result<> Import::remember(const Fingerprint& name) { return link_.send(frame(Kind::remember, octets(name))); }

Result<std::string> Import::ask_known(const std::vector<Fingerprint>& asked) {
  if (asked.empty()) return std::string();
  std::string payload;
  for (const Fingerprint& one : asked) payload += octets(one);
  TRY(link_.send(frame(Kind::known, payload)));
  Link::Frame answer = TRY(await_answer(Kind::are_known));
  if (answer.payload.size() != asked.size()) return fail(kTalkEnded, "the server said what makes no sense");
  return std::move(answer.payload);
}

Result<MailboxPlace> Import::ask_place(const MailboxWish& wish) {
  TRY(link_.send(encode(wish)));
  return decode_place(TRY(await_answer(Kind::place)).payload);
}

void Import::tell() {
  if (progress_) progress_(std::min(passed_ + report_.counts.settled, all_), all_);
}

// --- the work
// ---------------------------------------------------------------------------------------------------------

Report Import::run(const Plan& plan, const Progress& progress) {
  progress_ = progress;
  all_ = plan.messages;
  for (const Defect& one : plan.passed_over) defect(one.place, one.words);
  std::uint64_t handle = 0;
  for (const PlannedFolder& planned : plan.folders) {
    auto done = run_folder(planned, ++handle);
    if (done) continue;
    if (concerns_folder(done.error())) {
      defect(planned.folder.path, done.error().text());
      continue;
    }
    report_.stopped = std::move(done).error();
    break;
  }
  // What is on its way arrives also when it is the source that failed.
  if (auto done = finish(); !done && !report_.stopped) report_.stopped = std::move(done).error();
  report_.counts.known += passed_;
  return std::move(report_);
}

Result<> Import::finish() {
  TRY(link_.send(frame(Kind::commit)));
  return heed(TRY(await_answer(Kind::committed)));
}

Result<> Import::run_folder(const PlannedFolder& planned, std::uint64_t handle) {
  if (!planned.refused.empty()) {
    defect(planned.folder.path, planned.refused);
    return {};
  }
  const MailboxPlace place = TRY(ask_place({.handle = handle,
                                            .make = Make::yes,
                                            .use = planned.use,
                                            .subscription = planned.folder.subscription,
                                            .name = planned.target}));
  if (!place.refused.empty()) {
    defect(planned.folder.path, place.refused);
    return {};
  }
  ++report_.folders;
  if (!place.exists) ++report_.made;
  const std::uint64_t passed = passed_;
  const std::uint64_t came = report_.counts.imported + report_.counts.known;
  auto done = read_folder(planned, handle);
  PlannedFolder again = planned;
  for (int reading = 1; !done && done.error().is(kRewritten) && reading < kReadingsMax; ++reading) {
    // What is on its way is known then.
    TRY(finish());
    const std::uint64_t brought = report_.counts.imported + report_.counts.known - came;
    passed_ = passed;
    if (reading + 1 == kReadingsMax) again.folder.others = Others::wait;
    TRY(survey(again));
    done = read_folder(again, handle);
    passed_ -= std::min(passed_ - passed, brought);
  }
  return done;
}

Result<> Import::read_folder(const PlannedFolder& planned, std::uint64_t handle) {
  to_check_.clear();
  bool renumbered = false;
  const auto reader = TRY(open(planned.folder, planned.seed, renumbered));
  changed_ = planned.folder.path;
  const auto epoch = reader->epoch();
  if (epoch && !renumbered) {
    TRY(remember(epoch->begun));
    TRY(remember(epoch->current));
  }
  const std::uint64_t defects = report_.defects_found;
  TRY(bring(*reader, planned, handle));
  TRY(check_passed());
  // From here on all of it is known by its present names.
  if (epoch && renumbered && report_.defects_found == defects) TRY(remember(epoch->current));
  return {};
}

Result<> Import::bring(Reader& reader, const PlannedFolder& planned, std::uint64_t handle) {
  auto announced = reader.announce(kKnownMax);
  if (announced.empty()) {
    for (std::size_t index = 0; TRY(reader.next()); ++index)
      TRY(bring_next(reader, index < planned.is_known.size() && planned.is_known[index], handle));
    return {};
  }
  for (; !announced.empty(); announced = reader.announce(kKnownMax)) {
    const std::string known = TRY(ask_known(announced));
    reader.pass(known);
    passed_ += static_cast<std::uint64_t>(std::ranges::count_if(known, [](char one) { return one != 0; }));
    tell();
    while (TRY(reader.next())) TRY(send_message(reader, handle));
  }
  return {};
}

Result<> Import::bring_next(Reader& reader, bool is_known, std::uint64_t handle) {
  return is_known ? pass_message(reader) : send_message(reader, handle);
}

/// A message that the plan found to be known; it is looked at again, for the file may have changed since.
Result<> Import::pass_message(Reader& reader) {
  while (!TRY(reader.read()).empty()) {
  }
  to_check_.push_back(reader.message().fingerprint);
  ++passed_;
  tell();
  return to_check_.size() < kKnownMax ? Result<>() : check_passed();
}

Result<> Import::check_passed() {
  if (to_check_.empty()) return {};
  const std::string answer = TRY(ask_known(to_check_));
  to_check_.clear();
  const auto missing = static_cast<std::uint64_t>(std::ranges::count(answer, '\0'));
  if (missing == 0) return {};
  passed_ -= missing;
  return fail(kRewritten,
              escape_controls(changed_, 4096) + " changed while it was read; run this again for what is missing");
}

Result<> Import::send_message(Reader& reader, std::uint64_t handle) {
  std::uint64_t octets = 0;
  while (true) {
    const auto piece = reader.read();
    if (!piece) {
      if (octets > 0) TRY(link_.send(frame(Kind::abandon)));
      if (!piece.error().is(kPlace) && !piece.error().is(kChanged)) return std::unexpected(piece.error());
      defect(reader.message().place, piece.error().text());
      return {};
    }
    if (piece->empty()) break;
    octets += piece->size();
    TRY(link_.send_octets(Kind::octets, *piece));
  }
  const Message& message = reader.message();
  const MessageEnd end{.number = ++sent_,
                       .handle = handle,
                       .fingerprint = message.fingerprint,
                       .also = message.also,
                       .flags = flags_of(message),
                       .received = message.received,
                       .zone_minutes = message.zone_minutes};
  on_the_way_.emplace_back(end.number, message.place);
  report_.octets += octets;
  TRY(link_.send(encode(end)));
  return sent_ % kHearEvery == 0 ? hear() : Result<>();
}

}  // namespace angarium::transfer
