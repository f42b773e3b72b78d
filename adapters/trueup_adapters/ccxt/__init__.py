"""How is an account at a crypto exchange asked, through ccxt, and what do its answers mean?

Reading order:
    rows      lists of rows, judged so that none is lost: read, refused, or not ours
    numbers   what number a row states, exactly
    markets   a symbol's one name, and what one of it is
    words     sides, kinds and states, in whichever words
    positions, holdings, orders, trades   rows into what they state, one by one; pure
    left_out  rows of the exchange's answer that ccxt dropped
    samples   recorded answers of many exchanges, read and counted
"""
