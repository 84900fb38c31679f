// The commands that change the box, or write messages elsewhere.
#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/text.h"
#include "drop/letter.h"
#include "message/content.h"
#include "message/header.h"
#include "message/structure.h"
#include "mua/error.h"
#include "mua/host.h"
#include "mua/reader.h"
#include "mua/save.h"
#include "mua/screen.h"

namespace angarium::mua {

Reader::Next Reader::remove(std::string_view argument) {
  const auto numbers = chosen(argument);
  if (!numbers) return Next::goes_on;
  for (const std::size_t number : *numbers) box_->at(number).deleted = true;
  // The dot is the next that is left, else the last.
  if (!step_forward(numbers->back())) {
    for (std::size_t i = box_->size(); i > 0; --i)
      if (!box_->at(i - 1).deleted) {
        go_to(i - 1);
        shown_ = true;
        break;
      }
  }
  return Next::goes_on;
}

Reader::Next Reader::remove_and_print(std::string_view argument) {
  const auto numbers = chosen(argument);
  if (!numbers) return Next::goes_on;
  for (const std::size_t number : *numbers) box_->at(number).deleted = true;
  if (step_forward(numbers->back())) return show_one(dot_, Fields::chosen);
  here_.terminal.write("At EOF\n");
  return Next::goes_on;
}

Reader::Next Reader::undelete(std::string_view argument) {
  // Without a list: what was deleted last is most often what is meant, and the dot is none of it.
  const auto numbers = chosen(argument.empty() ? ":d" : argument, Wanted::deleted);
  if (!numbers) return Next::goes_on;
  const auto back = argument.empty() ? std::vector<std::size_t>{numbers->back()} : *numbers;
  for (const std::size_t number : back) box_->at(number).deleted = false;
  go_to(back.back());
  return Next::goes_on;
}

Reader::Next Reader::save_to(std::string_view argument, bool leaves) {
  const auto [text, name] = split_file(argument);
  const std::string path = folder_path(name.empty() ? "&" : name, here_, settings_);
  const auto numbers = chosen(text);
  if (!numbers) return Next::goes_on;
  std::uint64_t octets = 0;
  for (const std::size_t number : *numbers) {
    const auto message = box_->read(number, here_.message_max);
    const auto came = box_->came(number);
    const auto flags = static_cast<message::BoxFlags>(box_->at(number).flags | message::kBoxSeen | message::kBoxOld);
    const auto saved = !message ? std::unexpected(message.error())
                       : !came  ? std::unexpected(came.error())
                                : save_message(here_, path, *message, came->sender, here_.delivery.clock.wall(), flags);
    if (!saved) {
      complain(saved.error());
      return Next::goes_on;
    }
    octets += message->size();
    if (leaves) marks_[number] |= kSaved;
    box_->at(number).flags |= message::kBoxSeen;
  }
  go_to(numbers->back());
  shown_ = true;
  here_.terminal.write("\"" + visible(path) + "\" " + std::to_string(numbers->size()) + " " + std::to_string(octets) +
                       " octets\n");
  return Next::goes_on;
}

Reader::Next Reader::save(std::string_view argument) { return save_to(argument, true); }

Reader::Next Reader::copy(std::string_view argument) { return save_to(argument, false); }

/// The text of messages, without any header.
Reader::Next Reader::write(std::string_view argument) {
  const auto [text, name] = split_file(argument);
  if (name.empty()) {
    here_.terminal.complain("w takes a file: w 3 notes.txt");
    return Next::goes_on;
  }
  const auto numbers = chosen(text);
  if (!numbers) return Next::goes_on;
  for (const std::size_t number : *numbers) {
    const auto message = box_->read(number, here_.message_max);
    const auto written = !message ? std::unexpected(message.error())
                                  : append_file(in_home(name, here_.home), show(*message, settings_, Fields::none));
    if (!written) {
      complain(written.error());
      return Next::goes_on;
    }
    if (is_shown_whole(*message)) marks_[number] |= kSaved;
  }
  here_.terminal.write("\"" + visible(name) + "\" written\n");
  return Next::goes_on;
}

Reader::Next Reader::detach_parts(std::string_view argument) {
  const auto [text, name] = split_file(argument);
  const std::string folder = in_home(name.empty() ? "." : name, here_.home);
  const auto numbers = chosen(text);
  if (!numbers) return Next::goes_on;
  if (!is_folder(folder)) {
    here_.terminal.complain(visible(folder) + " is no folder: detach 3 FOLDER");
    return Next::goes_on;
  }
  for (const std::size_t number : *numbers) {
    const auto message = box_->read(number, here_.message_max);
    if (!message) {
      complain(message.error());
      continue;
    }
    for (const Detached& part : detach(*message)) {
      const std::string path = folder + "/" + part.name;
      // What a stranger named must not go over what is there.
      if (file_exists(path))
        here_.terminal.complain(visible(path) + " is there already");
      else if (auto written = append_file(path, part.octets); !written)
        complain(written.error());
      else
        here_.terminal.write("\"" + visible(path) + "\" " + std::to_string(part.octets.size()) + " octets\n");
    }
  }
  return Next::goes_on;
}

namespace {

enum class Set { on, off };
void set_flag(Box& box, const std::vector<std::size_t>& numbers, message::BoxFlags flag, Set set) {
  for (const std::size_t number : numbers) {
    auto& flags = box.at(number).flags;
    flags = static_cast<message::BoxFlags>(set == Set::on ? flags | flag : flags & ~flag);
  }
}

}  // namespace

Reader::Next Reader::preserve(std::string_view argument) {
  if (const auto numbers = chosen(argument))
    for (const std::size_t number : *numbers)
      marks_[number] = static_cast<std::uint8_t>((marks_[number] & ~(kToMbox | kSaved)) | kPreserved);
  return Next::goes_on;
}

Reader::Next Reader::to_mbox(std::string_view argument) {
  if (const auto numbers = chosen(argument))
    for (const std::size_t number : *numbers)
      marks_[number] = static_cast<std::uint8_t>((marks_[number] & ~kPreserved) | kToMbox);
  return Next::goes_on;
}

Reader::Next Reader::touch(std::string_view argument) {
  if (const auto numbers = chosen(argument)) set_flag(*box_, *numbers, message::kBoxSeen, Set::on);
  return Next::goes_on;
}

Reader::Next Reader::unread(std::string_view argument) {
  if (const auto numbers = chosen(argument)) set_flag(*box_, *numbers, message::kBoxSeen, Set::off);
  return Next::goes_on;
}

Reader::Next Reader::flag(std::string_view argument) {
  if (const auto numbers = chosen(argument)) set_flag(*box_, *numbers, message::kBoxFlagged, Set::on);
  return Next::goes_on;
}

Reader::Next Reader::unflag(std::string_view argument) {
  if (const auto numbers = chosen(argument)) set_flag(*box_, *numbers, message::kBoxFlagged, Set::off);
  return Next::goes_on;
}

/// Another box; this one is written before. Without a name: which one this is.
Reader::Next Reader::file(std::string_view argument) {
  if (argument.empty()) {
    announce();
    return Next::goes_on;
  }
  const std::string name = argument == "#" ? previous_file_ : folder_path(argument, here_, settings_);
  if (name.empty()) {
    here_.terminal.complain("there was no box before this one");
    return Next::goes_on;
  }
  if (const auto closed = close_box(); !closed) {
    complain(closed.error());
    return Next::goes_on;
  }
  auto opened = open_box(name, here_, access_);
  if (!opened) {
    complain(opened.error());
    // This one was written, so that its numbers are others now.
    opened = open_box(box_->path(), here_, access_);
    if (!opened) {
      complain(opened.error());
      return Next::exit;
    }
  } else {
    previous_file_ = box_->path();
  }
  box_ = *std::move(opened);
  marks_.assign(box_->size(), 0);
  previous_.clear();
  announce();
  if (settings_.is_set("header") && box_->size() > 0) return headers("");
  return Next::goes_on;
}

Reader::Next Reader::folders([[maybe_unused]] std::string_view argument) {
  std::string folder = folder_path("+", here_, settings_);
  if (folder.ends_with('/')) folder.pop_back();
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(opendir(folder.c_str()), closedir);
  if (!listing) {
    here_.terminal.complain(visible(folder) + ": " + strerrordesc_np(errno) + "; set folder=FOLDER names another");
    return Next::goes_on;
  }
  std::vector<std::string> names;
  while (const dirent* entry = readdir(listing.get()))
    if (entry->d_name[0] != '.') names.emplace_back(visible(entry->d_name));
  std::ranges::sort(names);
  std::string text;
  for (const std::string& name : names) text += name + "\n";
  here_.terminal.page(text);
  return Next::goes_on;
}

Reader::Next Reader::new_mail([[maybe_unused]] std::string_view argument) {
  const std::size_t before = box_->size();
  look_for_new();
  if (box_->size() == before) here_.terminal.write("No new mail has arrived.\n");
  return Next::goes_on;
}

}  // namespace angarium::mua
