#include "alias/expand.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/text.h"
#include "message/domain.h"

namespace angarium::alias {
namespace {

constexpr std::string_view kNowhere = "/dev/null";
constexpr char kDetail = '+';

/// What holds for the targets of one list.
struct Context {
  std::size_t depth = 0;
  std::string owner;
  std::string user;       ///< whose .forward
  std::uint32_t uid = 0;  ///< who beside root may own included files that name commands
  Trust trust = Trust::all;
};

/// Why mail cannot go where a user's .forward says; nothing when it can. What the user can mend is no reason to send
/// mail back.
std::optional<std::string> fault_of(const Forward& forward) {
  for (const Target& target : forward.list.targets) {
    if (const auto* const bad = std::get_if<Bad>(&target)) return bad->reason;
    if (forward.trust == Trust::all) continue;
    const auto* const file = std::get_if<File>(&target);
    if (std::holds_alternative<Pipe>(target) || (file != nullptr && file->path != kNowhere))
      return "commands and files may not stand in a file that others own or may write";
  }
  return std::nullopt;
}

class Walk {
 public:
  Walk(const AliasTables& aliases, Files& files, Household& household)
      : aliases_(aliases), files_(files), household_(household) {}

  void address(const envelope::Mailbox& mailbox, const Context& context);
  Expansion result() && { return std::move(result_); }

 private:
  /// What is being expanded.
  struct Frame {
    enum class Kind : std::uint8_t { alias, forward, include } kind;
    std::string name;
  };
  [[nodiscard]] bool open(Frame::Kind kind, std::string_view name) const;
  /// The user whose .forward leads from the alias, which is open, back to it; null when it is a loop of aliases.
  [[nodiscard]] const std::string* forward_above(std::string_view alias) const;

  /// An entry and the file it stands in.
  struct Found {
    const Aliases* file = nullptr;
    const Entry* entry = nullptr;
  };
  [[nodiscard]] Found find(std::string_view name) const;
  [[nodiscard]] const Entry* owner_of(std::string_view name) const;

  void targets(const std::vector<Target>& all, const Context& context);
  void target(const Target& target, const Context& context);
  void expand_alias(const Found& found, const envelope::Mailbox& mailbox, const Context& context);
  void user(const std::string& name, const envelope::Mailbox& mailbox, bool must_exist, const Context& context);
  void expand_forward(const std::string& name, const Household::User& user, const Context& context);
  void wait_for(const envelope::Mailbox& mailbox, bool must_exist, Problem why, const Context& context);
  void include(const std::string& path, const Context& context);
  void local_use(Destination::Kind kind, const std::string& text, const Context& context);
  void deliver(const envelope::Mailbox& mailbox, const Context& context);
  void add(Destination destination, std::string key);
  bool goes_deeper(const Context& context, std::string_view name);

  void note(std::string_view about, std::string text) {
    if (result_.facts.size() < kFactsMax) result_.facts.push_back({about, std::move(text)});
  }
  void problem(std::string_view enhanced, std::string text) {
    note("problem", fmt::format("{} {}", enhanced, text));
    auto& problems = result_.problems;
    Problem found{std::string(enhanced), std::move(text)};
    if (problems.size() < kProblemsMax) {
      problems.push_back(std::move(found));
    } else if (found.temporary()) {
      problems.back() = std::move(found);  // that one is temporary decides for all
    }
  }

  const AliasTables& aliases_;
  Files& files_;
  Household& household_;
  Expansion result_;
  std::vector<Frame> stack_;
  std::set<std::string> aliases_seen_;
  std::set<std::string> forwards_seen_;
  std::set<std::string> includes_seen_;
  std::set<std::string> keys_;
  bool full_ = false;
};

Walk::Found Walk::find(std::string_view name) const {
  for (const auto& file : aliases_)
    if (const auto* entry = file->table.find(name)) return {file.get(), entry};
  return {};
}

const Entry* Walk::owner_of(std::string_view name) const {
  for (const auto& file : aliases_)
    if (const auto* owner = file->table.owner_of(name)) return owner;
  return nullptr;
}

bool Walk::open(Frame::Kind kind, std::string_view name) const {
  return std::ranges::any_of(stack_, [&](const Frame& frame) { return frame.kind == kind && frame.name == name; });
}

const std::string* Walk::forward_above(std::string_view alias) const {
  for (auto frame = stack_.rbegin(); frame != stack_.rend(); ++frame) {
    if (frame->kind == Frame::Kind::forward) return &frame->name;
    if (frame->kind == Frame::Kind::alias && frame->name == alias) break;
  }
  return nullptr;
}

bool Walk::goes_deeper(const Context& context, std::string_view name) {
  if (context.depth < kDepthMax) return true;
  problem("5.4.6", fmt::format("{}: more than {} steps of expansion", escape_controls(name), kDepthMax));
  return false;
}

void Walk::add(Destination destination, std::string key) {
  if (full_ || !keys_.insert(std::move(key)).second) return;
  if (result_.destinations.size() == kDestinationsMax) {
    full_ = true;
    return problem("5.4.6", fmt::format("more than {} destinations", kDestinationsMax));
  }
  result_.destinations.push_back(std::move(destination));
}

void Walk::deliver(const envelope::Mailbox& mailbox, const Context& context) {
  Destination destination{.kind = Destination::Kind::mailbox, .mailbox = mailbox, .owner = context.owner};
  const bool here = mailbox.domain.empty() || household_.is_here(mailbox.domain);
  if (here) destination.mailbox.domain.clear();
  // The local part of another host is that host's to compare.
  auto key = here ? to_lower(mailbox.local_part) : mailbox.local_part + "@" + message::domain_key(mailbox.domain);
  add(std::move(destination), "mailbox " + std::move(key));
}

void Walk::local_use(Destination::Kind kind, const std::string& text, const Context& context) {
  if (kind == Destination::Kind::file && text == kNowhere)
    return add({.kind = Destination::Kind::discard, .owner = context.owner}, "discard");
  if (context.trust != Trust::all)
    return problem("5.7.1", fmt::format("{}: only addresses may stand in a file that others own or may write",
                                        escape_controls(text)));
  Destination destination{.kind = kind, .text = text, .owner = context.owner, .user = context.user};
  const auto* const how = kind == Destination::Kind::pipe ? "pipe" : "file";
  add(std::move(destination), fmt::format("{} {}\n{}", how, context.user, text));
}

void Walk::address(const envelope::Mailbox& mailbox, const Context& context) {
  if (!mailbox.domain.empty() && !household_.is_here(mailbox.domain)) return deliver(mailbox, context);
  auto name = to_lower(mailbox.local_part);
  const auto first = household_.comes_first(name);
  if (!first) return problem("4.3.0", fmt::format("{}: {}", escape_controls(name), first.error().text()));
  if (*first) return deliver(mailbox, context);
  auto found = find(name);
  if (const auto plus = name.find(kDetail); !found.entry && plus != std::string::npos && plus > 0) {
    name.resize(plus);
    found = find(name);
  }
  if (!found.entry) return user(name, mailbox, false, context);
  if (open(Frame::Kind::alias, name)) return user(name, mailbox, true, context);
  if (aliases_seen_.contains(name)) return note("once", fmt::format("{} again", escape_controls(name)));
  expand_alias(found, mailbox, context);
}

void Walk::expand_alias(const Found& found, const envelope::Mailbox& mailbox, const Context& context) {
  const Entry& entry = *found.entry;
  if (!goes_deeper(context, mailbox.local_part)) return;
  note("alias", fmt::format("{} (line {})", escape_controls(entry.name), entry.line));
  Context below{.depth = context.depth + 1,
                .owner = context.owner,
                .user = {},
                .uid = found.file->owner,
                .trust = found.file->trust};
  if (const auto* owner = owner_of(entry.name)) {
    below.owner = owner->name;
    note("owner", escape_controls(owner->name));
  }
  aliases_seen_.insert(entry.name);
  stack_.push_back({Frame::Kind::alias, entry.name});
  targets(entry.targets, below);
  stack_.pop_back();
}

void Walk::user(const std::string& name, const envelope::Mailbox& mailbox, bool must_exist, const Context& context) {
  const auto found = household_.user(name);
  if (!found)
    return wait_for(mailbox, must_exist, {"4.3.0", fmt::format("{}: {}", escape_controls(name), found.error().text())},
                    context);
  if (!*found && must_exist) {
    if (const auto* back = forward_above(name)) return deliver({.local_part = *back, .domain = {}}, context);
    return problem("5.4.6", fmt::format("{} is an alias of itself", escape_controls(name)));
  }
  const auto& user = *found;
  if (!user || !user->forward || user->forward->list.targets.empty()) return deliver(mailbox, context);
  // Below the user's own .forward: a copy for the mailbox.
  if (open(Frame::Kind::forward, name)) return deliver(mailbox, context);
  if (forwards_seen_.contains(name)) return note("once", fmt::format("{} again", escape_controls(name)));
  if (auto wrong = fault_of(*user->forward))
    return wait_for(mailbox, must_exist,
                    {"4.3.5", fmt::format("the .forward of {}: {}", escape_controls(name), *wrong)}, context);
  if (goes_deeper(context, name)) expand_forward(name, *user, context);
}

/// Under the alias of its own name the mail could not find its way alone: then all waits.
void Walk::wait_for(const envelope::Mailbox& mailbox, bool must_exist, Problem why, const Context& context) {
  if (must_exist) return problem(why.enhanced, std::move(why.text));
  note("later", fmt::format("{} {}", why.enhanced, why.text));
  Destination destination{.kind = Destination::Kind::later,
                          .mailbox = {.local_part = mailbox.local_part, .domain = {}},
                          .text = std::move(why.text),
                          .enhanced = std::move(why.enhanced),
                          .owner = context.owner};
  add(std::move(destination), "later " + to_lower(mailbox.local_part));
}

void Walk::expand_forward(const std::string& name, const Household::User& user, const Context& context) {
  note("forward", escape_controls(name));
  const Context below{
      .depth = context.depth + 1, .owner = context.owner, .user = name, .uid = user.uid, .trust = user.forward->trust};
  forwards_seen_.insert(name);
  stack_.push_back({Frame::Kind::forward, name});
  targets(user.forward->list.targets, below);
  stack_.pop_back();
}

void Walk::include(const std::string& path, const Context& context) {
  if (open(Frame::Kind::include, path)) return problem("5.4.6", escape_controls(path) + " includes itself");
  if (includes_seen_.contains(path)) return note("once", escape_controls(path) + " again");
  if (!goes_deeper(context, path)) return;
  includes_seen_.insert(path);
  if (includes_seen_.size() > kIncludesMax)
    return problem("5.4.6", fmt::format("more than {} files included", kIncludesMax));
  const auto file = files_.read(path, kIncludeMax);
  if (!file) return problem("4.3.0", file.error().text());
  if (!*file) return problem("4.3.0", fmt::format("{} is to be included and is not there", escape_controls(path)));
  const auto& [status, text] = **file;
  if (!status.regular) return problem("4.3.0", fmt::format("{} is no regular file", escape_controls(path)));
  Context below = context;
  ++below.depth;
  if (trust_of(status, context.uid) != Trust::all) below.trust = Trust::addresses;
  const auto list = parse_list(text);
  note("include", fmt::format("{}: {} targets{}", escape_controls(path), list.targets.size(),
                              below.trust == Trust::all ? "" : ", addresses only"));
  stack_.push_back({Frame::Kind::include, path});
  targets(list.targets, below);
  stack_.pop_back();
}

void Walk::target(const Target& target, const Context& context) {
  if (const auto* address = std::get_if<Address>(&target)) {
    if (address->further == Address::Further::stop)
      deliver(address->mailbox, context);
    else
      this->address(address->mailbox, context);
  } else if (const auto* file = std::get_if<File>(&target)) {
    local_use(Destination::Kind::file, file->path, context);
  } else if (const auto* pipe = std::get_if<Pipe>(&target)) {
    local_use(Destination::Kind::pipe, pipe->command, context);
  } else if (const auto* included = std::get_if<Include>(&target)) {
    include(included->path, context);
  } else if (const auto* bad = std::get_if<Bad>(&target)) {
    problem("4.3.5", bad->reason);
  }
}

void Walk::targets(const std::vector<Target>& all, const Context& context) {
  for (const auto& one : all) {
    if (full_) return;
    target(one, context);
  }
}

}  // namespace

bool Expansion::temporary() const { return std::ranges::any_of(problems, &Problem::temporary); }

Expansion expand(const AliasTables& aliases, Files& files, Household& household, const envelope::Mailbox& address) {
  Walk walk(aliases, files, household);
  walk.address(address, {});
  return std::move(walk).result();
}

}  // namespace angarium::alias
