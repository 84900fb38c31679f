#include "mua/reader.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "mua/error.h"
#include "mua/host.h"
#include "mua/save.h"
#include "mua/screen.h"

namespace angarium::mua {

std::span<const Reader::Command> Reader::commands() {
  // Of several names that begin alike the first is meant: the order is the one POSIX gives the letters.
  static constexpr std::array<Command, 56> kCommands = {{
      {"next", 1, &Reader::next},
      {"+", 1, &Reader::next},
      {"previous", 4, &Reader::previous},
      {"-", 1, &Reader::previous},
      {"print", 1, &Reader::print},
      {"type", 1, &Reader::print},
      {"more", 3, &Reader::print},
      {"page", 2, &Reader::print},
      {"Print", 1, &Reader::print_with_all},
      {"Type", 1, &Reader::print_with_all},
      {"show", 2, &Reader::print_with_all},
      {"headers", 1, &Reader::headers},
      {"z", 1, &Reader::scroll},
      {"from", 1, &Reader::from},
      {"top", 2, &Reader::top},
      {"=", 1, &Reader::number},
      {"size", 2, &Reader::size},
      {"|", 1, &Reader::pipe},
      {"pipe", 2, &Reader::pipe},
      {"edit", 1, &Reader::edit},
      {"visual", 1, &Reader::visual},
      {"?", 1, &Reader::help},
      {"help", 3, &Reader::help},
      {"delete", 1, &Reader::remove},
      {"dp", 2, &Reader::remove_and_print},
      {"dt", 2, &Reader::remove_and_print},
      {"undelete", 1, &Reader::undelete},
      {"save", 1, &Reader::save},
      {"copy", 1, &Reader::copy},
      {"write", 1, &Reader::write},
      {"detach", 3, &Reader::detach_parts},
      {"hold", 2, &Reader::preserve},
      {"preserve", 3, &Reader::preserve},
      {"mbox", 2, &Reader::to_mbox},
      {"touch", 3, &Reader::touch},
      {"unread", 3, &Reader::unread},
      {"Unread", 1, &Reader::unread},
      {"flag", 2, &Reader::flag},
      {"unflag", 4, &Reader::unflag},
      {"file", 2, &Reader::file},
      {"folder", 3, &Reader::file},
      {"folders", 7, &Reader::folders},
      {"newmail", 2, &Reader::new_mail},
      {"inc", 3, &Reader::new_mail},
      {"mail", 1, &Reader::mail},
      {"reply", 1, &Reader::reply},
      {"respond", 3, &Reader::reply},
      {"Reply", 1, &Reader::reply_to_sender},
      {"Respond", 3, &Reader::reply_to_sender},
      {"forward", 3, &Reader::forward},
      {"fwd", 3, &Reader::forward},
      {"quit", 1, &Reader::quit},
      {"exit", 2, &Reader::exit},
      {"xit", 1, &Reader::exit},
      {"!", 1, &Reader::shell},
      {"echo", 2, &Reader::echo},
  }};
  return kCommands;
}

int Reader::run(bool show_list) {
  announce();
  if (show_list && settings_.is_set("header") && box_->size() > 0) headers("");
  const std::string prompt(settings_.is_set("prompt") ? settings_.get("prompt") : "& ");
  for (;;) {
    if (here_.terminal.interactive() && !settings_.is_set("noautoinc")) look_for_new();
    const Terminal::Line line = here_.terminal.read_line(prompt);
    if (line.kind == Terminal::Line::Kind::interrupted) {
      here_.terminal.write("Interrupt\n");
      continue;
    }
    if (line.kind == Terminal::Line::Kind::failed) {
      here_.terminal.complain(line.text + "; nothing is changed");
      return 1;
    }
    if (line.kind == Terminal::Line::Kind::end) {
      if (here_.terminal.interactive() && settings_.is_set("ignoreeof")) {
        here_.terminal.write("Use \"quit\" to quit.\n");
        continue;
      }
      if (here_.terminal.interactive()) here_.terminal.write("\n");
    }
    const Next next = line.kind == Terminal::Line::Kind::end ? Next::quit : obey(line.text);
    if (next == Next::exit) return 0;
    if (next != Next::quit) continue;
    const auto closed = close_box();
    if (closed) return 0;
    complain(closed.error());
    if (!here_.terminal.interactive() || line.kind == Terminal::Line::Kind::end) return 1;
    here_.terminal.complain("x leaves without changing anything");
  }
}

/// "p3", "d 1-2", "/word" (a list), "|wc": the word is letters, or one other octet.
Reader::Next Reader::obey(std::string_view line) {
  line = trim(line);
  if (line.empty()) return settings_.is_set("bsdcompat") || box_->size() > 0 ? next("") : Next::goes_on;
  std::size_t letters = 0;
  while (letters < line.size() && is_alpha(line[letters])) ++letters;
  if (letters == 0 && std::string_view("!|=?+-").contains(line.front())) letters = 1;
  const std::string_view word = line.substr(0, letters);
  const std::string_view argument = trim(line.substr(letters));
  if (word.empty()) {
    if (line.starts_with('#')) return Next::goes_on;
    return show_messages(line, Fields::chosen);
  }
  return obey_plain(word, argument);
}

Reader::Next Reader::obey_plain(std::string_view word, std::string_view argument) {
  // "p" and "P" are two commands.
  for (const Command& command : commands())
    if (word.size() >= command.letters && command.name.starts_with(word)) return (this->*command.handler)(argument);
  if (word == "set" && argument.empty()) {
    here_.terminal.page(visible_text(settings_.list_variables()));
    return Next::goes_on;
  }
  if (word == "cd" || word == "chdir") return change_folder(argument);
  const auto done = settings_.run(std::string(word) + " " + std::string(argument));
  if (!done) complain(done.error());
  if (done && !*done) here_.terminal.complain("unknown command: \"" + visible(word) + "\", ? tells what there is");
  return Next::goes_on;
}

Result<std::string> Reader::header_of(std::size_t number) { return box_->start(number, kHeaderMax); }

Result<std::vector<std::size_t>> Reader::list(std::string_view text, Wanted wanted) {
  const Listing listing{.box = *box_,
                        .current = dot_,
                        .previous = previous_,
                        .field = [this](std::size_t number, std::string_view field) -> std::string {
                          const auto header = header_of(number);
                          if (!header) return "";
                          if (field != "from") return field_text(*header, field);
                          return field_text(*header, "From");
                        }};
  auto numbers = TRY(parse_list(text, listing, wanted));
  previous_ = numbers;
  return numbers;
}

std::optional<std::vector<std::size_t>> Reader::chosen(std::string_view text, Wanted wanted) {
  auto numbers = list(text, wanted);
  if (numbers) return *std::move(numbers);
  complain(numbers.error());
  return std::nullopt;
}

std::pair<std::string, std::string> Reader::split_file(std::string_view argument) {
  argument = trim(argument);
  if (argument.empty()) return {};
  // A name with blanks stands in quotes.
  if (argument.ends_with('"') || argument.ends_with('\'')) {
    const std::size_t begin = argument.substr(0, argument.size() - 1).rfind(argument.back());
    if (begin != std::string_view::npos)
      return {std::string(trim(argument.substr(0, begin))),
              std::string(argument.substr(begin + 1, argument.size() - begin - 2))};
  }
  const std::size_t blank = argument.find_last_of(" \t");
  if (blank == std::string_view::npos) return {"", std::string(argument)};
  return {std::string(trim(argument.substr(0, blank))), std::string(argument.substr(blank + 1))};
}

void Reader::go_to(std::size_t number) {
  dot_ = number;
  shown_ = false;
}

bool Reader::step_forward(std::size_t from) {
  for (std::size_t i = from; i < box_->size(); ++i) {
    if (box_->at(i).deleted) continue;
    go_to(i);
    return true;
  }
  return false;
}

bool Reader::is_spool() const { return box_->is_inbox() || same_file(box_->path(), here_.spool); }

void Reader::announce() {
  std::size_t fresh = 0;
  std::size_t unseen = 0;
  std::optional<std::size_t> first;
  for (std::size_t i = 0; i < box_->size(); ++i) {
    const Entry& entry = box_->at(i);
    if ((entry.flags & message::kBoxSeen) != 0) continue;
    if (!first) first = i;
    if ((entry.flags & message::kBoxOld) != 0)
      ++unseen;
    else
      ++fresh;
  }
  go_to(first.value_or(0));
  screen_ = dot_;
  std::string text = "\"" + visible(box_->path()) + "\": " + std::to_string(box_->size()) +
                     (box_->size() == 1 ? " message" : " messages");
  if (fresh > 0) text += " " + std::to_string(fresh) + " new";
  if (unseen > 0) text += " " + std::to_string(unseen) + " unread";
  if (access_ == Access::read_only) text += " [read only]";
  here_.terminal.write(text + "\n");
}

void Reader::look_for_new() {
  const std::size_t before = box_->size();
  const auto found = box_->look();
  if (!found) return complain(found.error());
  marks_.resize(box_->size());
  if (*found == 0) return;
  here_.terminal.write("New mail has arrived.\n");
  std::vector<std::size_t> numbers;
  for (std::size_t i = before; i < box_->size(); ++i) numbers.push_back(i);
  print_list(numbers);
}

Reader::Next Reader::quit([[maybe_unused]] std::string_view argument) { return Next::quit; }

Reader::Next Reader::exit([[maybe_unused]] std::string_view argument) { return Next::exit; }

Reader::Next Reader::shell(std::string_view argument) {
  here_.terminal.flush();
  if (auto ran = run_command(here_.shell, argument.empty() ? here_.shell : std::string(argument)); !ran)
    complain(ran.error());
  here_.terminal.write("!\n");
  return Next::goes_on;
}

Reader::Next Reader::echo(std::string_view argument) {
  std::string text;
  for (const std::string& word : split_words(argument)) text += (text.empty() ? "" : " ") + word;
  here_.terminal.write(visible(text) + "\n");
  return Next::goes_on;
}

Reader::Next Reader::change_folder(std::string_view argument) {
  const std::string path = argument.empty() ? here_.home : in_home(argument, here_.home);
  if (chdir(path.c_str()) != 0) here_.terminal.complain(visible(path) + ": " + strerrordesc_np(errno));
  return Next::goes_on;
}

/// Without `hold`, what was read in the spool goes to mbox, as POSIX has it. There first: a crash between leaves two.
Result<> Reader::move_read_mail() {
  const std::string mbox = folder_path("&", here_, settings_);
  std::size_t moved = 0;
  std::size_t held = 0;
  for (std::size_t i = 0; i < box_->size(); ++i) {
    Entry& entry = box_->at(i);
    if (entry.deleted) continue;
    const bool saved = (marks_[i] & kSaved) != 0 && !settings_.is_set("keepsave");
    const bool read = !settings_.is_set("hold") && (entry.flags & message::kBoxSeen) != 0;
    const bool goes = (marks_[i] & kToMbox) != 0 || (read && (marks_[i] & kPreserved) == 0 && !saved);
    if (goes) {
      const std::string text = TRY(box_->read(i, here_.message_max));
      const auto flags = static_cast<message::BoxFlags>(entry.flags | message::kBoxOld);
      const std::string sender = TRY(box_->came(i)).sender;
      TRY(save_message(here_, mbox, text, sender, here_.delivery.clock.wall(), flags));
      ++moved;
    }
    if (goes || saved)
      entry.deleted = true;
    else
      ++held;
  }
  if (moved > 0)
    here_.terminal.write("Saved " + std::to_string(moved) + (moved == 1 ? " message" : " messages") + " in " +
                         visible(mbox) + "\n");
  if (held > 0)
    here_.terminal.write("Held " + std::to_string(held) + (held == 1 ? " message" : " messages") + " in " +
                         visible(box_->path()) + "\n");
  return {};
}

Result<> Reader::close_box() {
  if (access_ == Access::read_only) return {};
  if (is_spool()) TRY(move_read_mail());
  // What was listed is new no more.
  for (std::size_t i = 0; i < box_->size(); ++i) box_->at(i).flags |= message::kBoxOld;
  return box_->is_changed() ? box_->write() : Result<>();
}

}  // namespace angarium::mua
