DELETE FROM chat.gone
