// The commands that show.
#include <algorithm>

#include "base/text.h"
#include "mua/error.h"
#include "mua/host.h"
#include "mua/reader.h"
#include "mua/screen.h"

namespace angarium::mua {

void Reader::print_list(const std::vector<std::size_t>& numbers) {
  std::string text;
  for (const std::size_t number : numbers) {
    const auto header = header_of(number);
    const std::string known = header ? *header : std::string();
    const auto came = needs_envelope(known) ? box_->came(number) : Result<Came>();
    text += list_line(number, box_->at(number), known, came ? *came : Came(), number == dot_ ? '>' : ' ',
                      here_.terminal.columns(), here_.zone_minutes);
  }
  here_.terminal.write(text);
}

void Reader::print_all() {
  announce();
  std::vector<std::size_t> numbers(box_->size());
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = i;
  print_list(numbers);
}

/// The screen that holds the message, or the dot.
Reader::Next Reader::headers(std::string_view argument) {
  if (box_->size() == 0) {
    here_.terminal.write("No messages.\n");
    return Next::goes_on;
  }
  if (!argument.empty()) {
    const auto numbers = chosen(argument);
    if (!numbers) return Next::goes_on;
    screen_ = numbers->front();
  }
  const std::size_t rows = settings_.number("screen", std::clamp<std::size_t>(here_.terminal.lines(), 8, 60) - 4);
  const std::size_t whole = std::max<std::size_t>(rows, 1);
  screen_ = screen_ / whole * whole;
  std::vector<std::size_t> numbers;
  for (std::size_t i = screen_; i < box_->size() && numbers.size() < whole; ++i)
    if (!box_->at(i).deleted) numbers.push_back(i);
  print_list(numbers);
  return Next::goes_on;
}

Reader::Next Reader::scroll(std::string_view argument) {
  const std::size_t rows =
      std::max<std::size_t>(settings_.number("screen", std::clamp<std::size_t>(here_.terminal.lines(), 8, 60) - 4), 1);
  if (argument.starts_with('-')) {
    if (screen_ < rows) here_.terminal.write("On first screenful of messages\n");
    screen_ -= std::min(screen_, rows);
  } else if (argument.empty() || argument.starts_with('+')) {
    if (screen_ + rows >= box_->size())
      here_.terminal.write("On last screenful of messages\n");
    else
      screen_ += rows;
  } else {
    here_.terminal.complain("z takes + or -");
    return Next::goes_on;
  }
  return headers("");
}

Reader::Next Reader::from(std::string_view argument) {
  if (const auto numbers = chosen(argument)) print_list(*numbers);
  return Next::goes_on;
}

Reader::Next Reader::show_one(std::size_t number, Fields fields) {
  go_to(number);
  const auto message = box_->read(number, here_.message_max);
  if (!message) {
    complain(message.error());
    return Next::goes_on;
  }
  here_.terminal.page("Message " + std::to_string(number + 1) + ":\n" + show(*message, settings_, fields));
  box_->at(number).flags |= message::kBoxSeen;
  shown_ = true;
  return Next::goes_on;
}

Reader::Next Reader::show_messages(std::string_view argument, Fields fields) {
  const auto numbers = chosen(argument);
  if (!numbers) return Next::goes_on;
  for (const std::size_t number : *numbers) show_one(number, fields);
  return Next::goes_on;
}

Reader::Next Reader::print(std::string_view argument) { return show_messages(argument, Fields::chosen); }

Reader::Next Reader::print_with_all(std::string_view argument) { return show_messages(argument, Fields::all); }

Reader::Next Reader::top(std::string_view argument) {
  const auto numbers = chosen(argument);
  if (!numbers) return Next::goes_on;
  for (const std::size_t number : *numbers) {
    go_to(number);
    const auto message = box_->read(number, here_.message_max);
    if (!message) {
      complain(message.error());
      continue;
    }
    const std::string text = show(*message, settings_, Fields::chosen);
    std::size_t end = std::min(text.find("\n\n"), text.size());
    end = std::min(end + 2, text.size());
    for (std::size_t lines = settings_.number("toplines", 5); lines > 0 && end < text.size(); --lines)
      end = std::min(text.find('\n', end), text.size() - 1) + 1;
    here_.terminal.write("Message " + std::to_string(number + 1) + ":\n" + text.substr(0, end) + "\n");
  }
  return Next::goes_on;
}

/// The dot itself when it was not shown yet, else the one behind it.
Reader::Next Reader::next(std::string_view argument) {
  if (!argument.empty()) return show_messages(argument, Fields::chosen);
  if (box_->size() == 0) {
    here_.terminal.write("No messages.\n");
    return Next::goes_on;
  }
  if (step_forward(shown_ ? dot_ + 1 : dot_)) return show_one(dot_, Fields::chosen);
  here_.terminal.write("At EOF\n");
  return Next::goes_on;
}

Reader::Next Reader::previous(std::string_view argument) {
  const std::size_t steps = parse_number<std::size_t>(trim(argument)).value_or(1);
  std::size_t at = dot_;
  for (std::size_t left = steps; left > 0 && at > 0;) {
    --at;
    if (!box_->at(at).deleted) --left;
  }
  if (box_->size() == 0 || at == dot_ || box_->at(at).deleted) {
    here_.terminal.write("At first message\n");
    return Next::goes_on;
  }
  return show_one(at, Fields::chosen);
}

Reader::Next Reader::number([[maybe_unused]] std::string_view argument) {
  here_.terminal.write(std::to_string(box_->size() == 0 ? 0 : dot_ + 1) + "\n");
  return Next::goes_on;
}

Reader::Next Reader::size(std::string_view argument) {
  const auto numbers = chosen(argument);
  if (!numbers) return Next::goes_on;
  for (const std::size_t number : *numbers)
    here_.terminal.write(std::to_string(number + 1) + ": " + std::to_string(box_->at(number).octets) + "\n");
  return Next::goes_on;
}

namespace {

/// "7", "*", ".", "$", "^", and ranges of them.
bool is_of_list(std::string_view word) {
  const auto one = [](std::string_view text) {
    return parse_number<std::size_t>(text) || text == "." || text == "$" || text == "^";
  };
  if (word == "*" || one(word)) return true;
  const std::size_t dash = word.find('-');
  return dash != std::string_view::npos && one(word.substr(0, dash)) && one(word.substr(dash + 1));
}

/// Octets of the words that name messages, each with the blanks behind it: "7z l" and "./filter" have none.
std::size_t list_octets(std::string_view text) {
  std::size_t end = 0;
  for (;;) {
    const std::size_t begin = std::min(text.find_first_not_of(" \t", end), text.size());
    const std::size_t behind = text.find_first_of(" \t", begin);
    if (behind == std::string_view::npos || !is_of_list(text.substr(begin, behind - begin))) return end;
    end = behind;
  }
}

}  // namespace

/// "|3 wc", "pipe 3 wc", "|wc": words before the command that read as a list are one.
Reader::Next Reader::pipe(std::string_view argument) {
  const std::size_t end = list_octets(argument);
  const std::string_view numbers_text = trim(argument.substr(0, end));
  const std::string command(trim(argument.substr(end)));
  if (command.empty()) {
    here_.terminal.complain("| takes a command: |3 wc");
    return Next::goes_on;
  }
  const auto numbers = chosen(numbers_text);
  if (!numbers) return Next::goes_on;
  std::string input;
  for (const std::size_t number : *numbers) {
    const auto message = box_->read(number, here_.message_max);
    if (!message) {
      complain(message.error());
      return Next::goes_on;
    }
    input += show(*message, settings_, Fields::chosen);
    if (settings_.is_set("page")) input += '\f';
    box_->at(number).flags |= message::kBoxSeen;
  }
  go_to(numbers->back());
  shown_ = true;
  here_.terminal.flush();
  if (auto ran = feed_command(here_.shell, command, input); !ran) complain(ran.error());
  return Next::goes_on;
}

/// The messages as they are, in an editor; what it does with them stays outside of the box.
Reader::Next Reader::look_at(std::string_view argument, std::string_view editor) {
  const auto numbers = chosen(argument);
  if (!numbers) return Next::goes_on;
  for (const std::size_t number : *numbers) {
    go_to(number);
    auto message = box_->read(number, here_.message_max);
    if (!message) {
      complain(message.error());
      continue;
    }
    std::erase(*message, '\r');
    const auto file = TemporaryFile::make(*message, ".eml");
    if (!file) {
      complain(file.error());
      continue;
    }
    here_.terminal.flush();
    if (auto ran = run_command(here_.shell, std::string(editor) + " " + shell_word(file->path())); !ran)
      complain(ran.error());
    box_->at(number).flags |= message::kBoxSeen;
    shown_ = true;
  }
  return Next::goes_on;
}

Reader::Next Reader::edit(std::string_view argument) { return look_at(argument, here_.editor); }

Reader::Next Reader::visual(std::string_view argument) { return look_at(argument, here_.visual); }

Reader::Next Reader::help([[maybe_unused]] std::string_view argument) {
  here_.terminal.page(
      "MESSAGES are numbers and more: 1 2-5 * all . this $ last ^ first + - ` those before /WORD of the subject, WORD "
      "of\n"
      "the sender, :n new :u unread :r read :o old :d deleted :f flagged :a answered; none: this one\n\n"
      "p, t, or a number  show messages; P, T  with all fields; n, Enter  the next; -  the one before; top  their top\n"
      "h [MESSAGE]  the list; z, z-  its next and last screen; f MESSAGES  their lines; =  which one this is; size\n"
      "d MESSAGES  delete; dp  and show the next; u  take it back\n"
      "r  reply to all, R  to the sender; m ADDRESS  write; forward MESSAGES ADDRESS\n"
      "s MESSAGES FILE  save; with nokeepsave they leave the spool at the end; c  copy; w  the text alone\n"
      "detach MESSAGES FOLDER  save attachments; | MESSAGES COMMAND  the text to a program; e, v  look at it in an "
      "editor\n"
      "flag, unflag, unread MESSAGES; hold, mbox MESSAGES  stay, go to ~/mbox at the end\n"
      "file NAME  another box: % the spool, & ~/mbox, # the one before, +NAME of the folder; folders  its names\n"
      "set, unset, alias, unalias, alternates, ignore, retain, source  settings; ! COMMAND; cd; echo; newmail\n"
      "q  end and change the box; x  end and leave it as it was\n");
  return Next::goes_on;
}

}  // namespace angarium::mua
